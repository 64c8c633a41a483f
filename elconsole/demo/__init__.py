"""The embedded plant: a real PostgreSQL with the pen plant's four databases, for `--demo`."""
