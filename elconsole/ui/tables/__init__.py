"""State to tables, one module a panel. Pure."""
