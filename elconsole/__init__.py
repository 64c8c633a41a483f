"""elconsole: an extract-load engine for PostgreSQL and its terminal operations console."""
