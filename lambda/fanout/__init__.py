"""Adds notifications to the deliveries of the webhooks that are told of them; fed by the queue of the topic."""
