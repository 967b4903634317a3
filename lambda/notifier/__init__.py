"""Tells the subscribers of a topic when the status of a shipment changes; fed by the table's stream."""

#: What the function calls; its package holds the data of no other operation. Read from the source.
AWS_CALLS = {"dynamodb": ["Query"], "sns": ["PublishBatch"], "ssm": ["GetParameters"]}
