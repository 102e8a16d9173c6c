-- cc_instances
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM cc_instances
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::cc_instances, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM cc_instances
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'cc_instances'
AND r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))

-- tasks
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM tasks
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::tasks, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM tasks
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'tasks'
AND r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))

-- sessions
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM sessions
WHERE id = event.key::bigint
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::sessions, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM sessions
WHERE id = event.key::bigint)
) r
WHERE event.table_name = 'sessions'
AND (r.user_id = viewer.user_id
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))
AND projects.id = r.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = viewer.user_id
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = r.session_id))

-- worktrees
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM worktrees
WHERE id = event.key::bigint
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::worktrees, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM worktrees
WHERE id = event.key::bigint)
) r
WHERE event.table_name = 'worktrees'
AND (r.user_id = viewer.user_id
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))
AND projects.id = r.project_id))

-- ultrathink_messages
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM ultrathink_messages
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::ultrathink_messages, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM ultrathink_messages
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'ultrathink_messages'
AND (EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.parent_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.child_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))))
OR EXISTS (SELECT
FROM tasks
WHERE tasks.id = r.task_id
AND tasks.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))))

-- mcp_tool_calls
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM mcp_tool_calls
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::mcp_tool_calls, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM mcp_tool_calls
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'mcp_tool_calls'
AND (EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))))
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.message_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))))

-- cc_permission_requests
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM cc_permission_requests
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::cc_permission_requests, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM cc_permission_requests
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'cc_permission_requests'
AND (r.user_id = viewer.user_id
OR EXISTS (SELECT
FROM cc_instances
WHERE cc_instances.id = r.cc_instance_id
AND cc_instances.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))))

-- websocket_notifications
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM websocket_notifications
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::websocket_notifications, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM websocket_notifications
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'websocket_notifications'
AND (EXISTS (SELECT
FROM websocket_sessions
WHERE websocket_sessions.id = r.socket_id
AND websocket_sessions.user_id = viewer.user_id)
OR (r.socket_id IS NULL
AND r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))
OR projects.is_public))
OR (r.socket_id IS NULL
AND r.project_id IS NULL))

-- notification_history
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM notification_history
WHERE id = event.key::bigint
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::notification_history, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM notification_history
WHERE id = event.key::bigint)
) r
WHERE event.table_name = 'notification_history'
AND r.user_id = viewer.user_id

-- projects
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM projects
WHERE id = event.key::bigint
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::projects, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM projects
WHERE id = event.key::bigint)
) r
WHERE event.table_name = 'projects'
AND (r.owner_id = viewer.user_id
OR r.is_public
OR r.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))

-- collaboration_participants
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM collaboration_participants
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::collaboration_participants, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM collaboration_participants
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'collaboration_participants'
AND (r.user_id = viewer.user_id
OR r.collaboration_session_id IN (SELECT shared.id
FROM collaboration_sessions AS shared
WHERE shared.host_user_id = viewer.user_id
OR shared.session_id IN (SELECT sessions.session_id
FROM sessions
WHERE sessions.user_id = viewer.user_id)
OR shared.id IN (SELECT part.collaboration_session_id
FROM collaboration_participants AS part
WHERE part.user_id = viewer.user_id)))

-- project_invitations
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM project_invitations
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::project_invitations, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM project_invitations
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'project_invitations'
AND (r.user_id = viewer.user_id
OR r.invited_by = viewer.user_id
OR r.project_id IN (SELECT projects.id
FROM projects
WHERE projects.owner_id = viewer.user_id))

-- tasks and sessions at once
WITH event AS MATERIALIZED (
  SELECT *
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[])
    AS e (number, table_name, key, remembered)
),
viewer AS MATERIALIZED (SELECT *
FROM unnest($5::bigint[], $6::integer[]) AS v (number, user_id))

SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM sessions
WHERE id = event.key::bigint
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::sessions, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM sessions
WHERE id = event.key::bigint)
) r
WHERE event.table_name = 'sessions'
AND (r.user_id = viewer.user_id
OR EXISTS (SELECT
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id)))
AND projects.id = r.project_id)
OR EXISTS (SELECT
FROM collaboration_sessions AS shared
JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id
WHERE part.user_id = viewer.user_id
AND part.state = 'joined'
AND (shared.expires_at IS NULL
OR shared.expires_at > now())
AND shared.session_id = r.session_id))
UNION ALL
SELECT event.number, viewer.user_id
FROM event
JOIN viewer USING (number) CROSS
JOIN LATERAL (
  SELECT *
FROM tasks
WHERE id = event.key::uuid
 
UNION ALL
  SELECT *
FROM jsonb_populate_record(NULL::tasks, event.remembered)
 
WHERE NOT EXISTS (SELECT
FROM tasks
WHERE id = event.key::uuid)
) r
WHERE event.table_name = 'tasks'
AND r.project_id IN (SELECT projects.project_id
FROM projects
WHERE (projects.owner_id = viewer.user_id
OR projects.is_public
OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', viewer.user_id))))
