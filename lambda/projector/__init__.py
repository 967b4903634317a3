"""Keeps the record of each shipment: a fold of its updates, fed by the stream of their table."""
