SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT task$1.id AS "id"
FROM (
SELECT task$1.*
FROM tasks AS task$1
WHERE task$1.status = ANY($1::text[]) AND task$1.priority >= $2::int AND task$1.priority < $3::int AND task$1.completed_at IS NULL AND (task$1.name ILIKE $4::text OR (task$1.description ^@ $5::text) IS NOT TRUE)
ORDER BY task$1.id
LIMIT 50
) AS task$1
ORDER BY task$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "tasks"
-- $1: tasks.where.status.in
-- $2: 5
-- $3: 9
-- $4: tasks.where.or.0.name.ilike
-- $5: 'a_b%'
