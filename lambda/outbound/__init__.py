"""Webhooks: who is told what, how it is signed, and when it is tried again."""
