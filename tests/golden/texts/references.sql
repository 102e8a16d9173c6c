-- cc_instances
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))
AND (written.parent_instance_id IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.parent_instance_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))
AND (written.socket_id IS NULL
OR EXISTS (SELECT 1
FROM websocket_sessions AS referred
WHERE referred.id = written.socket_id
AND true
AND (referred.user_id = $2::int)))

-- cc_logs
NOT (EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.cc_instance_id
AND p.status = 'archived')
OR EXISTS (SELECT
FROM tasks near
JOIN projects p USING (project_id)
WHERE near.id = written.task_id
AND p.status = 'archived'))
AND (written.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor')))))
OR written.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))))
AND (written.task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.task_id
AND (written.cc_instance_id IS NULL
OR referred.project_id IS NOT DISTINCT FROM (SELECT near.project_id
FROM cc_instances AS near
WHERE near.id = written.cc_instance_id))
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- collaboration_sessions
NOT false
AND (written.host_user_id = $2::int
OR written.session_id IN (SELECT run.session_id
FROM sessions AS run
WHERE run.user_id = $2::int))
AND (written.session_id IS NULL
OR EXISTS (SELECT 1
FROM sessions AS referred
WHERE referred.session_id = written.session_id
AND referred.user_id = written.host_user_id
AND (referred.user_id = $2::int
OR referred.session_id IN (SELECT shared.session_id
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $2::int
AND part.state = 'joined'
AND shared.share_mode IN ('edit', 'full_control')
AND (shared.expires_at IS NULL
OR shared.expires_at > now())))))

-- features
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))

-- file_operations
NOT false
AND (written.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE (sessions.user_id = $2::int
OR sessions.session_id IN (SELECT shared.session_id
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $2::int
AND part.state = 'joined'
AND shared.share_mode IN ('edit', 'full_control')
AND (shared.expires_at IS NULL
OR shared.expires_at > now())))))

-- git_worktrees
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))
AND (written.cc_instance_id IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.cc_instance_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))
AND (written.task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.task_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- mcp_tool_calls
NOT (EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.cc_instance_id
AND p.status = 'archived'))
AND (written.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))))
AND (written.message_id IS NULL
OR EXISTS (SELECT 1
FROM mcp_messages AS referred
WHERE referred.id = written.message_id
AND referred.cc_instance_id = written.cc_instance_id
AND referred.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int))))))))

-- notification_history
NOT false
AND (written.user_id = $2::int)
AND (written.session_id IS NULL
OR EXISTS (SELECT 1
FROM sessions AS referred
WHERE referred.session_id = written.session_id
AND true
AND (referred.user_id = $2::int
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int))))
AND projects.id = referred.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $2::int
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = referred.session_id))))

-- notification_settings
NOT false
AND (written.user_id = $2::int)

-- projects
NOT false
AND (written.owner_id = $2::int)

-- requirements
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))

-- sessions
NOT (EXISTS (SELECT
FROM projects p
WHERE p.id = written.project_id
AND p.status = 'archived'))
AND (written.user_id = $2::int
OR written.session_id IN (SELECT shared.session_id
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $2::int
AND part.state = 'joined'
AND shared.share_mode IN ('edit', 'full_control')
AND (shared.expires_at IS NULL
OR shared.expires_at > now())))
AND (written.project_id IS NULL
OR EXISTS (SELECT 1
FROM projects AS referred
WHERE referred.id = written.project_id
AND true
AND (referred.owner_id = $2::int)))
AND (written.worktree_id IS NULL
OR EXISTS (SELECT 1
FROM worktrees AS referred
WHERE referred.worktree_id = written.worktree_id
AND referred.user_id = written.user_id
AND (referred.user_id = $2::int
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int))))
AND projects.id = referred.project_id))))

-- system_logs
NOT false
AND false

-- system_settings
NOT false
AND false

-- tasks
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))
AND (written.parent_task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.parent_task_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))
AND (written.assigned_to IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.assigned_to
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- task_dependencies
NOT (EXISTS (SELECT
FROM tasks near
JOIN projects p USING (project_id)
WHERE near.id = written.task_id
AND p.status = 'archived')
OR EXISTS (SELECT
FROM tasks near
JOIN projects p USING (project_id)
WHERE near.id = written.dependency_task_id
AND p.status = 'archived'))
AND (written.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))))
AND (written.dependency_task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.dependency_task_id
AND (written.task_id IS NULL
OR referred.project_id IS NOT DISTINCT FROM (SELECT near.project_id
FROM tasks AS near
WHERE near.id = written.task_id))
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- task_logs
NOT (EXISTS (SELECT
FROM tasks near
JOIN projects p USING (project_id)
WHERE near.id = written.task_id
AND p.status = 'archived')
OR EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.cc_instance_id
AND p.status = 'archived'))
AND (written.task_id IN (SELECT tasks.id
FROM tasks
WHERE (tasks.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor')))))
OR written.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))))
AND (written.cc_instance_id IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.cc_instance_id
AND (written.task_id IS NULL
OR referred.project_id IS NOT DISTINCT FROM (SELECT near.project_id
FROM tasks AS near
WHERE near.id = written.task_id))
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- ultrathink_messages
NOT (EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.parent_instance_id
AND p.status = 'archived')
OR EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.child_instance_id
AND p.status = 'archived')
OR EXISTS (SELECT
FROM tasks near
JOIN projects p USING (project_id)
WHERE near.id = written.task_id
AND p.status = 'archived'))
AND (written.parent_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor')))))
OR written.child_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor'))))))
AND (written.child_instance_id IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.child_instance_id
AND referred.parent_instance_id = written.parent_instance_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))
AND (written.task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.task_id
AND (written.child_instance_id IS NULL
OR referred.project_id IS NOT DISTINCT FROM (SELECT near.project_id
FROM cc_instances AS near
WHERE near.id = written.child_instance_id))
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $2::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))))

-- websocket_notifications
NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $2::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int::integer, 'role', 'editor')))
OR written.socket_id IN (SELECT websocket_sessions.id
FROM websocket_sessions
WHERE (websocket_sessions.user_id = $2::int)))
AND (written.socket_id IS NULL
OR EXISTS (SELECT 1
FROM websocket_sessions AS referred
WHERE referred.id = written.socket_id
AND written.project_id IS NULL
AND (referred.user_id = $2::int)))

-- worktrees
NOT (EXISTS (SELECT
FROM projects p
WHERE p.id = written.project_id
AND p.status = 'archived'))
AND (written.user_id = $2::int)
AND (written.project_id IS NULL
OR EXISTS (SELECT 1
FROM projects AS referred
WHERE referred.id = written.project_id
AND true
AND (referred.owner_id = $2::int)))

-- worktree_sync_history
NOT false
AND (written.source_worktree_id IN (SELECT worktrees.worktree_id
FROM worktrees
WHERE (worktrees.user_id = $2::int)))
AND (written.target_worktree_id IS NULL
OR EXISTS (SELECT 1
FROM worktrees AS referred
WHERE referred.worktree_id = written.target_worktree_id
AND true
AND (referred.user_id = $2::int)))
