"""What stands below every page: state, threads, questions, keys, messages."""
