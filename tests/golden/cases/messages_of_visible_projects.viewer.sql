WITH seen$1 AS MATERIALIZED (
SELECT cc_instances.id AS key FROM cc_instances WHERE cc_instances.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT (SELECT count(*) FROM (
SELECT mcp_message$2.* FROM mcp_messages AS mcp_message$2 WHERE mcp_message$2.cc_instance_id = ANY(ARRAY(SELECT key FROM seen$1))
) AS mcp_message$2) AS "totalCount", rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT mcp_message$1.method AS "method"
FROM (
WITH few$1 AS MATERIALIZED (
SELECT count(*) <= 200 AS few FROM (SELECT FROM ((SELECT FROM (SELECT key FROM seen$1 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM mcp_messages AS one WHERE one.cc_instance_id = led.key LIMIT 201) AS one)) AS one LIMIT 201) AS one
)
(SELECT mcp_message$1.*
FROM mcp_messages AS mcp_message$1
WHERE NOT (SELECT few FROM few$1) AND ((mcp_message$1.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE)
ORDER BY mcp_message$1.created_at DESC, mcp_message$1.id DESC
LIMIT 2)
UNION ALL
(SELECT mcp_message$1.*
FROM (
SELECT mcp_message$1.*
FROM mcp_messages AS mcp_message$1
WHERE (SELECT few FROM few$1) AND (mcp_message$1.cc_instance_id = ANY(ARRAY(SELECT key FROM seen$1)))
OFFSET 0
) AS mcp_message$1
ORDER BY mcp_message$1.created_at DESC, mcp_message$1.id DESC
LIMIT 2)
) AS mcp_message$1
ORDER BY mcp_message$1.created_at DESC, mcp_message$1.id DESC
) AS item$1
) AS rows$1
) AS root$1
) AS "mcpMessages"
-- $1: the viewer
