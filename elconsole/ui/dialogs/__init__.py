"""Questions and details over a page."""
