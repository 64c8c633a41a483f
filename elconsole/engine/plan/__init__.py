"""From settings and catalogs to what a sync of each table will do."""
