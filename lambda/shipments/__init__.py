"""What the functions share: updates of shipments, how they are kept in DynamoDB, settings and telemetry."""
