"""Tells the subscribers of a topic when the status of a shipment changes; fed by the table's stream."""
