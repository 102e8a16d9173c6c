SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT task$1.name AS "name", task_log$2 AS "taskLogs"
FROM (
SELECT task$1.*
FROM tasks AS task$1
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY task$1.id
LIMIT 5
) AS task$1
LEFT JOIN LATERAL (
SELECT rows$2.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT upper(task_log$1.phase COLLATE "C") AS "phase", task_log$1.message AS "message"
FROM (
SELECT task_log$1.*
FROM (
SELECT task_log$1.*
FROM task_logs AS task_log$1
WHERE task_log$1.task_id = task$1.id
OFFSET 0
) AS task_log$1
ORDER BY task_log$1.id, task_log$1.created_at
LIMIT 5
) AS task_log$1
ORDER BY task_log$1.id, task_log$1.created_at
) AS item$1
) AS rows$2
) AS task_log$2 ON true
ORDER BY task$1.id
) AS item$2
) AS rows$1
) AS root$1
) AS "tasks"
-- $1: the viewer
