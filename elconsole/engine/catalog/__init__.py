"""What databases hold: a source's tables, the warehouse's, their health."""
