"""The same acceptance run for every scheduler."""
