"""How what is known of shipments is kept in DynamoDB."""
