WITH seen$1 AS MATERIALIZED (
SELECT cc_instances.id AS key FROM cc_instances WHERE cc_instances.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT aggregate$1 AS "aggregate", (SELECT coalesce(json_agg(item$1), '[]'::json)
FROM (
SELECT key$1 AS "key", groups$1.count$1 AS "count", percentile$3 AS "percentile"
FROM (
SELECT mcp_tool_call$2.server_name AS part$1, mcp_tool_call$2.tool_name AS part$2, count(*) AS count$1, percentile_cont($4::double precision) WITHIN GROUP (ORDER BY mcp_tool_call$2.execution_time_ms) AS figure$3
FROM mcp_tool_calls AS mcp_tool_call$2
WHERE ((mcp_tool_call$2.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (mcp_tool_call$2.message_instance_id IN (SELECT key FROM seen$1)) IS TRUE) AND mcp_tool_call$2.status = 'completed'::text
GROUP BY 1, 2
ORDER BY 1, 2
LIMIT 100
) AS groups$1
CROSS JOIN LATERAL (SELECT groups$1.figure$3::double precision AS "executionTimeMs") AS percentile$3
CROSS JOIN LATERAL (SELECT groups$1.part$1 AS "serverName", groups$1.part$2 AS "toolName") AS key$1
ORDER BY groups$1.part$1, groups$1.part$2
) AS item$1) AS "groups"
FROM LATERAL (
SELECT percentile$1 AS "p50", percentile$2 AS "p99"
FROM (
SELECT percentile_cont($2::double precision) WITHIN GROUP (ORDER BY mcp_tool_call$1.execution_time_ms) AS figure$1, percentile_cont($3::double precision) WITHIN GROUP (ORDER BY mcp_tool_call$1.execution_time_ms) AS figure$2
FROM mcp_tool_calls AS mcp_tool_call$1
WHERE ((mcp_tool_call$1.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (mcp_tool_call$1.message_instance_id IN (SELECT key FROM seen$1)) IS TRUE) AND mcp_tool_call$1.status = 'completed'::text
) AS figures$1
CROSS JOIN LATERAL (SELECT figures$1.figure$1::double precision AS "executionTimeMs") AS percentile$1
CROSS JOIN LATERAL (SELECT figures$1.figure$2::double precision AS "executionTimeMs") AS percentile$2
) AS aggregate$1
) AS root$1
) AS "mcpToolCalls"
-- $1: the viewer
-- $2: 0.5
-- $3: 0.99
-- $4: 0.95
