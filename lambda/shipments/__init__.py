"""The domain: updates of shipments, and what they may be. It calls nothing and knows of neither HTTP nor AWS."""
