"""How facts are worded and coloured in cells."""
