"""Syncs without a console: progress, signals, results and exit codes."""
