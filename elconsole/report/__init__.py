"""Results as text and as JSON, and the two streams they go to."""
