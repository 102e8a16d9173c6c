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
WHERE cc_instance$1.status = 'RUNNING'::text
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
WHERE task$1.id = $1::uuid
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
SELECT cc_log$1.*
FROM cc_logs AS cc_log$1
ORDER BY cc_log$1.id, cc_log$1.created_at
LIMIT 1
) AS cc_log$1
ORDER BY cc_log$1.id, cc_log$1.created_at
) AS item$2
) AS rows$2
) AS root$3
) AS "ccLogs"
-- $1: node.nodeId
