-- users
(r.id = $1)

-- auth_tokens
false

-- projects
(r.owner_id = $1)

-- sessions
(r.user_id = $1
OR r.session_id IN (SELECT shared.session_id
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND shared.share_mode IN ('edit', 'full_control')
AND (shared.expires_at IS NULL
OR shared.expires_at > now())))

-- sessions, as its owner
(r.user_id = $1)

-- worktrees
(r.user_id = $1)

-- worktree_sync_history
(r.source_worktree_id IN (SELECT worktrees.worktree_id
FROM worktrees
WHERE (worktrees.user_id = $1)))

-- collaboration_sessions
(r.host_user_id = $1
OR r.session_id IN (SELECT run.session_id
FROM sessions AS run
WHERE run.user_id = $1))

-- collaboration_participants
false

-- project_invitations
(r.user_id = $1
OR r.invited_by = $1
OR r.project_id IN (SELECT owned.id
FROM projects AS owned
WHERE owned.owner_id = $1))

-- notification_settings
(r.user_id = $1)

-- notification_history
(r.user_id = $1)

-- file_operations
(r.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE (sessions.user_id = $1
OR sessions.session_id IN (SELECT shared.session_id
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1
AND part.state = 'joined'
AND shared.share_mode IN ('edit', 'full_control')
AND (shared.expires_at IS NULL
OR shared.expires_at > now())))))

-- file_operations, as its owner
(r.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE (sessions.user_id = $1)))

-- system_logs
false

-- system_settings
false

-- websocket_sessions
(r.user_id = $1)

-- websocket_notifications
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor')))
OR r.socket_id IN (SELECT websocket_sessions.id
FROM websocket_sessions
WHERE (websocket_sessions.user_id = $1)))

-- cc_instances
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))

-- tasks
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))

-- requirements
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))

-- features
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))

-- git_worktrees
(r.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))

-- task_dependencies
(r.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- ultrathink_messages
(r.parent_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor')))))
OR r.child_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- mcp_messages
(r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- mcp_tool_calls
(r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- cc_logs
(r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor')))))
OR r.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- task_logs
(r.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor')))))
OR r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

-- projects_archive
(r.owner_id = $1)

-- tasks_archive
false

-- mcp_messages_archive
false

-- task_execution_efficiency
false

-- active_cc_instances
false

-- readonly_project_stats
false

-- mcp_message_stats
false

-- parallel_execution_stats
false

-- error_summary
false

-- backup_runs
false

-- cc_usage
false

-- cc_permission_requests
(r.user_id = $1
OR r.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::integer, 'role', 'editor'))))))

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
