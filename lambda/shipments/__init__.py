"""Updates of shipments: what they may be, and how they are kept in DynamoDB. Shared by the functions."""
