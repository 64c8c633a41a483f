-- The newest failed units of one dimension value.
SELECT {columns}
FROM {table}
WHERE {there} AND NOT ({passed}) AND {dimension} = {value}
ORDER BY {order} NULLS LAST
LIMIT {limit}
