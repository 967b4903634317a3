"""Tells the subscribers of a topic what is new of a shipment; fed by the table's stream."""
