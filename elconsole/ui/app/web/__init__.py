"""The dashboard in a browser, for whoever has its address."""
