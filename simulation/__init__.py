"""A model of DynamoDB's limits."""
