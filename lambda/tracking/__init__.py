"""The signed tracking API: POST /track, POST /track/batch, GET /status, GET /updates."""

#: What the function calls; its package holds the data of no other operation. Read from the source.
AWS_CALLS = {"dynamodb": ["PutItem", "Query", "UpdateItem"], "ssm": ["GetParameters"]}
