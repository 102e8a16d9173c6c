-- Task, viewer
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT task$1.id AS "id", task$1.project_id AS "projectId", project$2 AS "project", task$3 AS "subtasks"
FROM tasks AS task$1
LEFT
JOIN LATERAL (
SELECT 'Project' AS "__typename"
FROM projects AS project$1
WHERE project$1.project_id = task$1.project_id
) AS project$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM tasks AS task$2
WHERE task$2.parent_task_id = task$1.id
AND task$2.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))) AS "totalCount"
) AS task$3 ON true
WHERE task$1.id = wanted.key
AND task$1.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
) AS row$1
)
FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: the viewer
-- $2: wanted keys

-- Session, viewer
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT session$1.id AS "id", session$1.session_id AS "sessionId", user$2 AS "user", collaboration_session$2 AS "collaborationSessions"
FROM sessions AS session$1
LEFT
JOIN LATERAL (
SELECT 'User' AS "__typename"
FROM users AS user$1
WHERE user$1.id = session$1.user_id
) AS user$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM collaboration_sessions AS collaboration_session$1
WHERE collaboration_session$1.session_id = session$1.session_id
AND (collaboration_session$1.id IN (SELECT shared.id
FROM collaboration_sessions AS shared
WHERE shared.host_user_id = $1::int
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = $1::int)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = $1::int))
OR collaboration_session$1.is_public)) AS "totalCount"
) AS collaboration_session$2 ON true
WHERE session$1.id = wanted.key
AND (session$1.user_id = $1::int
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))
AND projects.id = session$1.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1::int
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = session$1.session_id))
) AS row$1
)
FROM unnest($2::int[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: the viewer
-- $2: wanted keys

-- McpMessage, viewer
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT mcp_message$1.id AS "id", mcp_message$1.cc_instance_id AS "ccInstanceId", cc_instance$2 AS "ccInstance", mcp_tool_call$2 AS "toolCalls"
FROM mcp_messages AS mcp_message$1
LEFT
JOIN LATERAL (
SELECT 'CcInstance' AS "__typename"
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.id = mcp_message$1.cc_instance_id
) AS cc_instance$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM mcp_tool_calls AS mcp_tool_call$1
WHERE mcp_tool_call$1.message_id = mcp_message$1.id) AS "totalCount"
) AS mcp_tool_call$2 ON true
WHERE mcp_message$1.id = wanted.key
AND mcp_message$1.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))))
) AS row$1
)
FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: the viewer
-- $2: wanted keys

-- keys of Task, viewer
SELECT task$1.id
FROM tasks AS task$1
WHERE task$1.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
AND task$1.name = $2::text
ORDER BY task$1.id
LIMIT 11 FOR NO KEY UPDATE OF task$1
-- $1: the viewer
-- $2: where.name.eq

-- Task, administrator
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT task$1.id AS "id", task$1.project_id AS "projectId", project$2 AS "project", task$3 AS "subtasks"
FROM tasks AS task$1
LEFT
JOIN LATERAL (
SELECT 'Project' AS "__typename"
FROM projects AS project$1
WHERE project$1.project_id = task$1.project_id
) AS project$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM tasks AS task$2
WHERE task$2.parent_task_id = task$1.id) AS "totalCount"
) AS task$3 ON true
WHERE task$1.id = wanted.key
) AS row$1
)
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: wanted keys

-- Session, administrator
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT session$1.id AS "id", session$1.session_id AS "sessionId", user$2 AS "user", collaboration_session$2 AS "collaborationSessions"
FROM sessions AS session$1
LEFT
JOIN LATERAL (
SELECT 'User' AS "__typename"
FROM users AS user$1
WHERE user$1.id = session$1.user_id
) AS user$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM collaboration_sessions AS collaboration_session$1
WHERE collaboration_session$1.session_id = session$1.session_id) AS "totalCount"
) AS collaboration_session$2 ON true
WHERE session$1.id = wanted.key
) AS row$1
)
FROM unnest($1::int[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: wanted keys

-- McpMessage, administrator
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT mcp_message$1.id AS "id", mcp_message$1.cc_instance_id AS "ccInstanceId", cc_instance$2 AS "ccInstance", mcp_tool_call$2 AS "toolCalls"
FROM mcp_messages AS mcp_message$1
LEFT
JOIN LATERAL (
SELECT 'CcInstance' AS "__typename"
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.id = mcp_message$1.cc_instance_id
) AS cc_instance$2 ON true
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM mcp_tool_calls AS mcp_tool_call$1
WHERE mcp_tool_call$1.message_id = mcp_message$1.id) AS "totalCount"
) AS mcp_tool_call$2 ON true
WHERE mcp_message$1.id = wanted.key
) AS row$1
)
FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (key, place)
ORDER BY wanted.place
-- $1: wanted keys

-- keys of Task, administrator
SELECT task$1.id
FROM tasks AS task$1
WHERE task$1.name = $1::text
ORDER BY task$1.id
LIMIT 11 FOR NO KEY UPDATE OF task$1
-- $1: where.name.eq
