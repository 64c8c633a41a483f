"""Writing a table's new rows, in full or by merging."""
