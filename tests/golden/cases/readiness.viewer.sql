SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT (task$1.status IN ('PENDING', 'QUEUED') AND NOT EXISTS (SELECT FROM task_dependencies AS edge JOIN tasks AS blocker ON blocker.id = edge.dependency_task_id WHERE edge.task_id = task$1.id AND edge.dependency_type IN ('blocks', 'requires') AND blocker.status <> 'COMPLETED')) AS "isReady", task$3 AS "blockedBy", task$5 AS "blocks"
FROM (
SELECT task$1.*
FROM tasks AS task$1
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY task$1.id
LIMIT 2
) AS task$1
LEFT JOIN LATERAL (
SELECT rows$2.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT task$2.name AS "name"
FROM (
SELECT task$2.*
FROM tasks AS task$2
WHERE task$2.id IN (SELECT edge.dependency_task_id FROM task_dependencies AS edge WHERE edge.task_id = task$1.id AND edge.dependency_type IN ('blocks', 'requires')) AND task$2.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY task$2.id
LIMIT 50
) AS task$2
ORDER BY task$2.id
) AS item$1
) AS rows$2
) AS task$3 ON true
LEFT JOIN LATERAL (
SELECT (SELECT count(*) FROM tasks AS task$4
WHERE task$4.id IN (SELECT edge.task_id FROM task_dependencies AS edge WHERE edge.dependency_task_id = task$1.id AND edge.dependency_type IN ('blocks', 'requires')) AND task$4.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))) AS "totalCount"
) AS task$5 ON true
ORDER BY task$1.id
) AS item$2
) AS rows$1
) AS root$1
) AS "tasks"
-- $1: the viewer
