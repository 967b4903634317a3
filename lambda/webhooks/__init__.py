"""Webhooks and what became of their deliveries, for who runs the system, and the pull feeds."""
