"""Sessions with servers: how they open, wait, fail and end."""
