-- Task, found visible
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
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))) AS "totalCount"
) AS task$3 ON true
WHERE task$1.id = wanted.key
) AS row$1
)
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- Task, to be judged
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
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))) AS "totalCount"
) AS task$3 ON true
WHERE task$1.id = wanted.key
AND task$1.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))
) AS row$1
)
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- Session, found visible
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
WHERE shared.host_user_id = wanted.viewer
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = wanted.viewer)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = wanted.viewer))
OR collaboration_session$1.is_public)) AS "totalCount"
) AS collaboration_session$2 ON true
WHERE session$1.id = wanted.key
) AS row$1
)
FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- Session, to be judged
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
WHERE shared.host_user_id = wanted.viewer
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = wanted.viewer)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = wanted.viewer))
OR collaboration_session$1.is_public)) AS "totalCount"
) AS collaboration_session$2 ON true
WHERE session$1.id = wanted.key
AND (session$1.user_id = wanted.viewer
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer)))
AND projects.id = session$1.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = wanted.viewer
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = session$1.session_id))
) AS row$1
)
FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- CcLog, found visible
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT cc_log$1.id AS "id", cc_log$1.cc_instance_id AS "ccInstanceId", cc_instance$2 AS "ccInstance"
FROM cc_logs AS cc_log$1
LEFT
JOIN LATERAL (
SELECT 'CcInstance' AS "__typename"
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.id = cc_log$1.cc_instance_id
AND cc_instance$1.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))
) AS cc_instance$2 ON true
WHERE cc_log$1.id = wanted.key
LIMIT 1
) AS row$1
)
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- CcLog, to be judged
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT cc_log$1.id AS "id", cc_log$1.cc_instance_id AS "ccInstanceId", cc_instance$2 AS "ccInstance"
FROM cc_logs AS cc_log$1
LEFT
JOIN LATERAL (
SELECT 'CcInstance' AS "__typename"
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.id = cc_log$1.cc_instance_id
AND cc_instance$1.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))
) AS cc_instance$2 ON true
WHERE cc_log$1.id = wanted.key
AND (EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = cc_log$1.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer)))))
OR EXISTS (SELECT
FROM tasks
WHERE tasks.id = cc_log$1.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = wanted.viewer
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', wanted.viewer))))))
LIMIT 1
) AS row$1
)
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- User, found visible
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT user$1.id AS "id", user$1.username AS "username", auth_token$2 AS "authTokens"
FROM users AS user$1
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM auth_tokens AS auth_token$1
WHERE auth_token$1.user_id = user$1.id
AND auth_token$1.user_id = wanted.viewer) AS "totalCount"
) AS auth_token$2 ON true
WHERE user$1.id = wanted.key
) AS row$1
)
FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers

-- User, to be judged
SELECT (
SELECT row_to_json(row$1)::text
FROM (
SELECT user$1.id AS "id", user$1.username AS "username", auth_token$2 AS "authTokens"
FROM users AS user$1
LEFT
JOIN LATERAL (
SELECT (SELECT count(*)
FROM auth_tokens AS auth_token$1
WHERE auth_token$1.user_id = user$1.id
AND auth_token$1.user_id = wanted.viewer) AS "totalCount"
) AS auth_token$2 ON true
WHERE user$1.id = wanted.key
) AS row$1
)
FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS wanted (key, viewer, place)
ORDER BY wanted.place
-- $1: wanted keys
-- $2: wanted viewers
