"""The public API and the page that a customer opens; nobody signs in, so it shows what any stranger may see."""

#: What the function calls; its package holds the data of no other operation. Read from the source.
AWS_CALLS = {"dynamodb": ["Query"]}
