"""Declares the shipments stalled or overdue whose time has passed; started by a schedule."""
