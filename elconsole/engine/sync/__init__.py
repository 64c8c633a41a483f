"""A run: its tables on threads, its record, its plug-ins."""
