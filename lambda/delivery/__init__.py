"""Sends messages to webhooks, again and again until they are taken; fed by a queue, and started by a schedule."""
