-- users
true

-- auth_tokens
r.user_id = $1

-- projects
(r.owner_id = $1
OR r.is_public
OR r.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))

-- sessions
(r.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = r.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = r.session_id))

-- sessions, seen_by_user_id
SELECT $1 AS key

-- sessions, seen_by_project_id
SELECT projects.id AS key
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))

-- sessions, seen_by_session_id
SELECT shared.session_id AS key
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())

-- sessions, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_user_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM sessions AS one
WHERE one.user_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_project_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM sessions AS one
WHERE one.project_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_session_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM sessions AS one
WHERE one.session_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- sessions, the few
(r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))
OR r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id))
OR r.session_id = ANY(ARRAY(SELECT key
FROM seen_by_session_id)))

-- sessions, those met one by one
((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE
OR (r.project_id IN (SELECT key
FROM seen_by_project_id)) IS TRUE
OR (r.session_id IN (SELECT key
FROM seen_by_session_id)) IS TRUE)

-- sessions, a part
r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))

-- sessions, a part
r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id))
AND ((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE) IS NOT TRUE

-- sessions, a part
r.session_id = ANY(ARRAY(SELECT key
FROM seen_by_session_id))
AND ((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE) IS NOT TRUE
AND ((r.project_id IN (SELECT key
FROM seen_by_project_id)) IS TRUE) IS NOT TRUE

-- worktrees
(r.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = r.project_id))

-- worktrees, seen_by_user_id
SELECT $1 AS key

-- worktrees, seen_by_project_id
SELECT projects.id AS key
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))

-- worktrees, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_user_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM worktrees AS one
WHERE one.user_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_project_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM worktrees AS one
WHERE one.project_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- worktrees, the few
(r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))
OR r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id)))

-- worktrees, those met one by one
((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE
OR (r.project_id IN (SELECT key
FROM seen_by_project_id)) IS TRUE)

-- worktrees, a part
r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))

-- worktrees, a part
r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id))
AND ((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE) IS NOT TRUE

-- worktree_sync_history
r.source_worktree_id IN (SELECT worktrees.worktree_id
FROM worktrees
WHERE (worktrees.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = worktrees.project_id)))

-- worktree_sync_history, at first
EXISTS (SELECT
FROM worktrees
WHERE worktrees.worktree_id = r.source_worktree_id
AND (worktrees.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = worktrees.project_id))) IS TRUE

-- worktree_sync_history, seen_by_source_worktree_id
SELECT worktrees.worktree_id AS key
FROM worktrees
WHERE (worktrees.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = worktrees.project_id))

-- worktree_sync_history, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_source_worktree_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM worktree_sync_history AS one
WHERE one.source_worktree_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- worktree_sync_history, the few
(r.source_worktree_id = ANY(ARRAY(SELECT key
FROM seen_by_source_worktree_id)))

-- worktree_sync_history, those met one by one
((r.source_worktree_id IN (SELECT key
FROM seen_by_source_worktree_id)) IS TRUE)

-- worktree_sync_history, a part
r.source_worktree_id = ANY(ARRAY(SELECT key
FROM seen_by_source_worktree_id))

-- collaboration_sessions
(r.id IN (SELECT shared.id
FROM collaboration_sessions AS shared
WHERE shared.host_user_id = $1
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = $1)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = $1))
OR r.is_public)

-- collaboration_participants
(r.user_id = $1
OR r.collaboration_session_id IN (SELECT shared.id
FROM collaboration_sessions AS shared
WHERE shared.host_user_id = $1
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = $1)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = $1)))

-- project_invitations
(r.user_id = $1
OR r.invited_by = $1
OR r.project_id IN (SELECT projects.id
FROM projects
WHERE projects.owner_id = $1))

-- notification_settings
r.user_id = $1

-- notification_history
r.user_id = $1

-- file_operations
r.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE (sessions.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = sessions.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = sessions.session_id)))

-- file_operations, at first
EXISTS (SELECT
FROM sessions
WHERE sessions.session_id = r.session_id
AND (sessions.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = sessions.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = sessions.session_id))) IS TRUE

-- file_operations, seen_by_session_id
SELECT sessions.session_id AS key
FROM sessions
WHERE sessions.user_id = $1 UNION SELECT sessions.session_id AS key
FROM sessions
WHERE EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
AND projects.id = sessions.project_id) UNION SELECT sessions.session_id AS key
FROM sessions
WHERE EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = sessions.session_id)

-- file_operations, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_session_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM file_operations AS one
WHERE one.session_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- file_operations, the few
(r.session_id = ANY(ARRAY(SELECT key
FROM seen_by_session_id)))

-- file_operations, those met one by one
((r.session_id IN (SELECT key
FROM seen_by_session_id)) IS TRUE)

-- file_operations, a part
r.session_id = ANY(ARRAY(SELECT key
FROM seen_by_session_id))

-- system_logs
r.user_id = $1

-- system_settings
r.is_public

-- websocket_sessions
r.user_id = $1

-- websocket_notifications
(EXISTS (SELECT
FROM websocket_sessions
WHERE websocket_sessions.id = r.socket_id
AND websocket_sessions.user_id = $1)
OR (r.socket_id IS NULL
AND r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))
OR projects.is_public))
OR (r.socket_id IS NULL
AND r.project_id IS NULL))

-- cc_instances
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- cc_instances, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- tasks
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- tasks, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- requirements
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- requirements, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- features
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- features, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- git_worktrees
(EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- task_dependencies
r.task_id IN (SELECT tasks.id
FROM tasks
WHERE tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))

-- task_dependencies, one by one
EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))) IS TRUE

-- task_dependencies, at first
EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))) IS TRUE

-- ultrathink_messages
(EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.parent_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.child_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- ultrathink_messages, seen_by_parent_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- ultrathink_messages, seen_by_child_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- ultrathink_messages, seen_by_task_id
SELECT tasks.id AS key
FROM tasks
WHERE tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- ultrathink_messages, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_parent_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM ultrathink_messages AS one
WHERE one.parent_instance_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_child_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM ultrathink_messages AS one
WHERE one.child_instance_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_task_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM ultrathink_messages AS one
WHERE one.task_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- ultrathink_messages, the few
(r.parent_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_parent_instance_id))
OR r.child_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_child_instance_id))
OR r.task_id = ANY(ARRAY(SELECT key
FROM seen_by_task_id)))

-- ultrathink_messages, those met one by one
((r.parent_instance_id IN (SELECT key
FROM seen_by_parent_instance_id)) IS TRUE
OR (r.child_instance_id IN (SELECT key
FROM seen_by_child_instance_id)) IS TRUE
OR (r.task_id IN (SELECT key
FROM seen_by_task_id)) IS TRUE)

-- mcp_messages
r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))

-- mcp_messages, one by one
EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))) IS TRUE

-- mcp_messages, at first
EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))) IS TRUE

-- mcp_messages, seen_by_cc_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- mcp_messages, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_cc_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM mcp_messages AS one
WHERE one.cc_instance_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- mcp_messages, the few
(r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id)))

-- mcp_messages, those met one by one
((r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE)

-- mcp_messages, a part
r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id))

-- mcp_tool_calls
(EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.message_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- mcp_tool_calls, seen_by_cc_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- mcp_tool_calls, seen_by_message_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- mcp_tool_calls, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_cc_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM mcp_tool_calls AS one
WHERE one.cc_instance_id = led.key
ORDER BY one.started_at DESC
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_message_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM mcp_tool_calls AS one
WHERE one.message_instance_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- mcp_tool_calls, the few
(r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id))
OR r.message_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_message_instance_id)))

-- mcp_tool_calls, those met one by one
((r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE
OR (r.message_instance_id IN (SELECT key
FROM seen_by_message_instance_id)) IS TRUE)

-- mcp_tool_calls, a part
r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id))

-- mcp_tool_calls, a part
r.message_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_message_instance_id))
AND ((r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE) IS NOT TRUE

-- cc_logs
(EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- cc_logs, seen_by_cc_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- cc_logs, seen_by_task_id
SELECT tasks.id AS key
FROM tasks
WHERE tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- cc_logs, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_cc_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_logs AS one
WHERE one.cc_instance_id = led.key
ORDER BY one.created_at DESC
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_task_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_logs AS one
WHERE one.task_id = led.key
ORDER BY one.created_at DESC
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- cc_logs, the few
(r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id))
OR r.task_id = ANY(ARRAY(SELECT key
FROM seen_by_task_id)))

-- cc_logs, those met one by one
((r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE
OR (r.task_id IN (SELECT key
FROM seen_by_task_id)) IS TRUE)

-- task_logs
(EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- task_logs, seen_by_task_id
SELECT tasks.id AS key
FROM tasks
WHERE tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- task_logs, seen_by_cc_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- task_logs, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_task_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM task_logs AS one
WHERE one.task_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_cc_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM task_logs AS one
WHERE one.cc_instance_id = led.key
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- task_logs, the few
(r.task_id = ANY(ARRAY(SELECT key
FROM seen_by_task_id))
OR r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id)))

-- task_logs, those met one by one
((r.task_id IN (SELECT key
FROM seen_by_task_id)) IS TRUE
OR (r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE)

-- projects_archive
(r.owner_id = $1
OR r.is_public
OR r.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))

-- tasks_archive
r.project_id IN (SELECT projects_archive.project_id
FROM projects_archive
WHERE (projects_archive.owner_id = $1
OR projects_archive.is_public
OR projects_archive.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- tasks_archive, at first
EXISTS (SELECT
FROM projects_archive
WHERE projects_archive.project_id = r.project_id
AND (projects_archive.owner_id = $1
OR projects_archive.is_public
OR projects_archive.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- mcp_messages_archive
r.project_id IN (SELECT projects_archive.project_id
FROM projects_archive
WHERE (projects_archive.owner_id = $1
OR projects_archive.is_public
OR projects_archive.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- mcp_messages_archive, at first
EXISTS (SELECT
FROM projects_archive
WHERE projects_archive.project_id = r.project_id
AND (projects_archive.owner_id = $1
OR projects_archive.is_public
OR projects_archive.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- task_execution_efficiency
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- task_execution_efficiency, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- active_cc_instances
r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- active_cc_instances, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- readonly_project_stats
r.id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- readonly_project_stats, at first
EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.id
AND (projects.owner_id = $1
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))) IS TRUE

-- mcp_message_stats
false

-- parallel_execution_stats
false

-- error_summary
false

-- backup_runs
false

-- cc_usage
(r.user_id = $1
OR EXISTS (SELECT
FROM projects
WHERE projects.project_id = r.project_id
AND (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))))

-- cc_usage, seen_by_user_id
SELECT $1 AS key

-- cc_usage, seen_by_project_id
SELECT projects.project_id AS key
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1))))

-- cc_usage, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_user_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_usage AS one
WHERE one.user_id = led.key
ORDER BY one.requested_at DESC
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_project_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_usage AS one
WHERE one.project_id = led.key
ORDER BY one.requested_at DESC
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- cc_usage, the few
(r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))
OR r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id)))

-- cc_usage, those met one by one
((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE
OR (r.project_id IN (SELECT key
FROM seen_by_project_id)) IS TRUE)

-- cc_usage, a part
r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))

-- cc_usage, a part
r.project_id = ANY(ARRAY(SELECT key
FROM seen_by_project_id))
AND ((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE) IS NOT TRUE

-- cc_permission_requests
(r.user_id = $1
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))))

-- cc_permission_requests, seen_by_user_id
SELECT $1 AS key

-- cc_permission_requests, seen_by_cc_instance_id
SELECT cc_instances.id AS key
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1)))))

-- cc_permission_requests, whether there are few
SELECT count(*) <= 200 AS few
FROM (SELECT
FROM ((SELECT
FROM (SELECT key
FROM seen_by_user_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_permission_requests AS one
WHERE one.user_id = led.key
LIMIT 201) AS one)
UNION ALL (SELECT
FROM (SELECT key
FROM seen_by_cc_instance_id OFFSET 0) AS led CROSS
JOIN LATERAL (SELECT
FROM cc_permission_requests AS one
WHERE one.cc_instance_id = led.key
ORDER BY one.asked_at DESC
LIMIT 201) AS one)) AS one
LIMIT 201) AS one

-- cc_permission_requests, the few
(r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))
OR r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id)))

-- cc_permission_requests, those met one by one
((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE
OR (r.cc_instance_id IN (SELECT key
FROM seen_by_cc_instance_id)) IS TRUE)

-- cc_permission_requests, a part
r.user_id = ANY(ARRAY(SELECT key
FROM seen_by_user_id))

-- cc_permission_requests, a part
r.cc_instance_id = ANY(ARRAY(SELECT key
FROM seen_by_cc_instance_id))
AND ((r.user_id IN (SELECT key
FROM seen_by_user_id)) IS TRUE) IS NOT TRUE

-- maintenance_runs
false

-- system_health
false

-- system_queues
false

-- table_partitions
false

-- table_sizes
false

-- users, private columns
r.id = $1
