"""The app: its launch, its palette, its syncs and its news."""
