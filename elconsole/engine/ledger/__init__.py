"""elconsole's own tables in the warehouse: runs, targets, watermarks."""
