"""What the warehouse keeps of rows that are gone from their source, or were others. Pure."""
