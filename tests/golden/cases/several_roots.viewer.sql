WITH seen$1 AS MATERIALIZED (
SELECT cc_instances.id AS key FROM cc_instances WHERE cc_instances.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
), seen$2 AS MATERIALIZED (
SELECT tasks.id AS key FROM tasks WHERE tasks.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT 'CcInstanceConnection' AS "__typename", rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT cc_instance$1.name AS "name", cc_instance$1.type AS "type"
FROM (
SELECT cc_instance$1.*
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) AND cc_instance$1.status = 'RUNNING'::text
ORDER BY cc_instance$1.id
LIMIT 1
) AS cc_instance$1
ORDER BY cc_instance$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "running", (
SELECT row_to_json(root$2)::text
FROM (
SELECT translate(encode(convert_to('Task:' || task$1.id, 'UTF8'), 'base64'), E'\n', '') AS "nodeId", task$1.name AS "name"
FROM tasks AS task$1
WHERE task$1.id = $2::uuid AND task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
) AS root$2
) AS "node", (
SELECT row_to_json(root$3)::text
FROM (
SELECT rows$2.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT cc_log$1.message AS "message"
FROM (
WITH few$1 AS MATERIALIZED (
SELECT count(*) <= 200 AS few FROM (SELECT FROM ((SELECT FROM (SELECT key FROM seen$1 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM cc_logs AS one WHERE one.cc_instance_id = led.key ORDER BY one.created_at DESC LIMIT 201) AS one) UNION ALL (SELECT FROM (SELECT key FROM seen$2 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM cc_logs AS one WHERE one.task_id = led.key ORDER BY one.created_at DESC LIMIT 201) AS one)) AS one LIMIT 201) AS one
)
(SELECT cc_log$1.*
FROM cc_logs AS cc_log$1
WHERE NOT (SELECT few FROM few$1) AND ((cc_log$1.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (cc_log$1.task_id IN (SELECT key FROM seen$2)) IS TRUE)
ORDER BY cc_log$1.id, cc_log$1.created_at
LIMIT 1)
UNION ALL
(SELECT cc_log$1.*
FROM (
SELECT cc_log$1.*
FROM cc_logs AS cc_log$1
WHERE (SELECT few FROM few$1) AND (cc_log$1.cc_instance_id = ANY(ARRAY(SELECT key FROM seen$1)) OR cc_log$1.task_id = ANY(ARRAY(SELECT key FROM seen$2)))
OFFSET 0
) AS cc_log$1
ORDER BY cc_log$1.id, cc_log$1.created_at
LIMIT 1)
) AS cc_log$1
ORDER BY cc_log$1.id, cc_log$1.created_at
) AS item$2
) AS rows$2
) AS root$3
) AS "ccLogs"
-- $1: the viewer
-- $2: node.nodeId
