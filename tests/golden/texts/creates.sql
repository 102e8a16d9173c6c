-- features, by a person
WITH written AS (SELECT given.*, NULL::UUID AS project_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::TEXT[], $7::UUID[], $8::TEXT[], $9::INTEGER[]) AS given (from_request, from_address, from_agent, feature_type, id, name, priority)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor'))))), stored AS (INSERT INTO features (feature_type, id, name, priority) SELECT feature_type, id, name, priority
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'features', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- git_worktrees, by a person
WITH written AS (SELECT given.*, NULL::UUID AS project_id, NULL::UUID AS cc_instance_id, NULL::UUID AS task_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::TEXT[], $7::UUID[], $8::TEXT[], $9::TEXT[]) AS given (from_request, from_address, from_agent, base_branch, id, worktree_name, worktree_path)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor'))))
AND (written.cc_instance_id IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.cc_instance_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))))
AND (written.task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.task_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))))), stored AS (INSERT INTO git_worktrees (base_branch, id, worktree_name, worktree_path) SELECT base_branch, id, worktree_name, worktree_path
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'git_worktrees', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- mcp_tool_calls, by a person
WITH written AS (SELECT given.*, NULL::UUID AS message_id, NULL::UUID AS cc_instance_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::JSONB[], $7::UUID[], $8::TEXT[]) AS given (from_request, from_address, from_agent, arguments, id, tool_name)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM cc_instances near
JOIN projects p USING (project_id)
WHERE near.id = written.cc_instance_id
AND p.status = 'archived'))
AND (written.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE (cc_instances.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor'))))))
AND (written.message_id IS NULL
OR EXISTS (SELECT 1
FROM mcp_messages AS referred
WHERE referred.id = written.message_id
AND referred.cc_instance_id = written.cc_instance_id
AND referred.cc_instance_id IN (SELECT cc_instances.id
FROM cc_instances
WHERE cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))))))), stored AS (INSERT INTO mcp_tool_calls (arguments, id, tool_name) SELECT arguments, id, tool_name
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'mcp_tool_calls', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- notification_history, by a person
WITH written AS (SELECT given.*, NULL::UUID AS session_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::TEXT[], $7::VARCHAR[], $8::VARCHAR[], $9::VARCHAR[], $10::INTEGER[]) AS given (from_request, from_address, from_agent, message, notification_type, service_type, title, user_id)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT false
AND (written.user_id = $1::int)
AND (written.session_id IS NULL
OR EXISTS (SELECT 1
FROM sessions AS referred
WHERE referred.session_id = written.session_id
AND true
AND (referred.user_id = $1::int
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))
AND projects.id = referred.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = $1::int
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = referred.session_id))))), stored AS (INSERT INTO notification_history (message, notification_type, service_type, title, user_id) SELECT message, notification_type, service_type, title, user_id
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'notification_history', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON true) SELECT key
FROM stored

-- requirements, by a person
WITH written AS (SELECT given.*, NULL::UUID AS project_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::TEXT[], $7::UUID[], $8::INTEGER[], $9::TEXT[], $10::TEXT[]) AS given (from_request, from_address, from_agent, content, id, priority, title, type)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor'))))), stored AS (INSERT INTO requirements (content, id, priority, title, type) SELECT content, id, priority, title, type
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'requirements', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- tasks, by a person
WITH written AS (SELECT given.*, NULL::UUID AS project_id, NULL::UUID AS parent_task_id, NULL::UUID AS assigned_to
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::UUID[], $7::TEXT[], $8::TEXT[]) AS given (from_request, from_address, from_agent, id, name, task_type)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor'))))
AND (written.parent_task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.parent_task_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))))
AND (written.assigned_to IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.assigned_to
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND referred.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = $1::int
OR projects.is_public
OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))))), stored AS (INSERT INTO tasks (id, name, task_type) SELECT id, name, task_type
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'tasks', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- websocket_notifications, by a person
WITH written AS (SELECT given.*, NULL::UUID AS socket_id, NULL::UUID AS project_id
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::TEXT[], $7::TEXT[], $8::UUID[], $9::JSONB[]) AS given (from_request, from_address, from_agent, event_name, event_type, id, payload)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.project_id IN (SELECT editable.project_id
FROM projects AS editable
WHERE editable.owner_id = $1::int
OR editable.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int::integer, 'role', 'editor')))
OR written.socket_id IN (SELECT websocket_sessions.id
FROM websocket_sessions
WHERE (websocket_sessions.user_id = $1::int)))
AND (written.socket_id IS NULL
OR EXISTS (SELECT 1
FROM websocket_sessions AS referred
WHERE referred.id = written.socket_id
AND written.project_id IS NULL
AND (referred.user_id = $1::int)))), stored AS (INSERT INTO websocket_notifications (event_name, event_type, id, payload) SELECT event_name, event_type, id, payload
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'websocket_notifications', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored

-- tasks, by an administrator
WITH written AS (SELECT given.*, NULL::UUID AS project_id, NULL::UUID AS parent_task_id, NULL::UUID AS assigned_to
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::UUID[], $7::TEXT[]) AS given (from_request, from_address, from_agent, id, name)), allowed AS (SELECT written.*, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM written
WHERE NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = written.project_id
AND p.status = 'archived'))
AND (written.parent_task_id IS NULL
OR EXISTS (SELECT 1
FROM tasks AS referred
WHERE referred.id = written.parent_task_id
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND true))
AND (written.assigned_to IS NULL
OR EXISTS (SELECT 1
FROM cc_instances AS referred
WHERE referred.id = written.assigned_to
AND referred.project_id IS NOT DISTINCT FROM written.project_id
AND true))), stored AS (INSERT INTO tasks (id, name) SELECT id, name
FROM allowed
WHERE actor IS NOT NULL ON CONFLICT DO NOTHING
RETURNING id AS key), traced AS (INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('table', 'tasks', 'key', key), from_request, from_address::inet, from_agent
FROM stored
JOIN allowed ON allowed.id = key) SELECT key
FROM stored
