"""The extract-load engine: knows PostgreSQL, knows no terminal."""
