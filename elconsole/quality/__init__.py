"""Pass rates as arithmetic: control charts and their judgement, without a database."""
