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
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) AND task$1.status = ANY($2::text[]) AND task$1.priority >= $3::int AND task$1.priority < $4::int AND task$1.completed_at IS NULL AND (task$1.name ILIKE $5::text OR (task$1.description ^@ $6::text) IS NOT TRUE)
ORDER BY task$1.id
LIMIT 50
) AS task$1
ORDER BY task$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "tasks"
-- $1: the viewer
-- $2: tasks.where.status.in
-- $3: 5
-- $4: 9
-- $5: tasks.where.or.0.name.ilike
-- $6: 'a_b%'
