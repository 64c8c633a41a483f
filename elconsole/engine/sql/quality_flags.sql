-- Units of a table and how many passed.
SELECT count(*) FILTER (WHERE {passed}), count(*) FROM {table}
