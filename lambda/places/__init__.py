"""Places by name: where they are, and what they are called."""
