"""Fixed statements, quoting, and every name we give in a database."""
