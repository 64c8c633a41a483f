"""Reading a source: snapshots, rows, ranges, and the pump between two servers."""
