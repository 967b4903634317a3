"""The tracking handler in the usual style: the baseline of bench/handler.py."""
