"""What every room may say: the engine's protocol, results, events, errors, types, words."""
