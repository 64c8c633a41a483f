"""The command line: one parser, and a module a family of commands."""
