SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT project$1.name AS "name"
FROM (
SELECT project$1.*
FROM projects AS project$1
WHERE (project$1.owner_id = $1::int OR project$1.is_public OR project$1.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))) AND EXISTS (SELECT FROM users AS user$1 WHERE user$1.id = project$1.owner_id AND user$1.username = $2::text) AND EXISTS (SELECT FROM tasks AS task$1 WHERE task$1.project_id = project$1.project_id AND task$1.status = 'RUNNING'::text) AND NOT EXISTS (SELECT FROM tasks AS task$2 WHERE task$2.project_id = project$1.project_id AND task$2.priority > $3::int)
ORDER BY project$1.id
LIMIT 50
) AS project$1
ORDER BY project$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "projects"
-- $1: the viewer
-- $2: 'demo'
-- $3: 9
