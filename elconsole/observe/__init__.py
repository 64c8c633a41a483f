"""What is told of a sync, and to whom: logs, metrics, notifications."""
