"""What the console knows: pure folds of events and answers."""
