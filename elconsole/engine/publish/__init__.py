"""Making loaded rows visible: storage, swap, commit, locks."""
