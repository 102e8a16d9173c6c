SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT project$1.name AS "name", task$2 AS "tasks"
FROM (
SELECT project$1.*
FROM projects AS project$1
WHERE (project$1.owner_id = $1::int OR project$1.is_public OR project$1.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))
ORDER BY project$1.id
LIMIT 20
) AS project$1
LEFT JOIN LATERAL (
SELECT rows$2.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT task$1.name AS "name", task$1.status AS "status", cc_instance$2 AS "assignedTo"
FROM (
SELECT task$1.*
FROM tasks AS task$1
WHERE task$1.project_id = project$1.project_id
ORDER BY task$1.id
LIMIT 10
) AS task$1
LEFT JOIN LATERAL (
SELECT cc_instance$1.name AS "name"
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.id = task$1.assigned_to AND cc_instance$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
) AS cc_instance$2 ON true
ORDER BY task$1.id
) AS item$1
) AS rows$2
) AS task$2 ON true
ORDER BY project$1.id
) AS item$2
) AS rows$1
) AS root$1
) AS "projects"
-- $1: the viewer
