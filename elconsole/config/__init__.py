"""Settings: layers, models, keys, patterns, addresses, and the template of the file."""
