SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT task$1.name AS "name", project$3 AS "project"
FROM (
SELECT task$1.*, project$1.name AS order$1
FROM tasks AS task$1
LEFT JOIN projects AS project$1 ON project$1.project_id = task$1.project_id
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY project$1.name, task$1.created_at DESC, task$1.id DESC
LIMIT 3
) AS task$1
LEFT JOIN LATERAL (
SELECT project$2.name AS "name"
FROM projects AS project$2
WHERE project$2.project_id = task$1.project_id
) AS project$3 ON true
ORDER BY task$1.order$1, task$1.created_at DESC, task$1.id DESC
) AS item$1
) AS rows$1
) AS root$1
) AS "tasks"
-- $1: the viewer
