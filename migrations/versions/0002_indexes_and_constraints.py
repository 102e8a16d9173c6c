"""Indexes and constraints: closed lists, ranges and formats, lookup and text search indexes."""

import re

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Indexes for text search rest on the first; the second makes the search strings that they answer.
SEARCH = (
    """
CREATE OR REPLACE FUNCTION ccgraph_tsvector(document text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    cjk CONSTANT text := '々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿';
    plain text;
    runs text;
BEGIN
    -- The limits keep the largest possible vector below the 1 MB that PostgreSQL allows.
    IF octet_length(document) = length(document) THEN
        RETURN to_tsvector('simple', left(document, 200000));
    END IF;
    plain := normalize(left(document, 40000), NFKC);
    runs := regexp_replace(plain, '[^' || cjk || ']+', ' ', 'g');
    IF runs = ' ' THEN
        RETURN to_tsvector('simple', plain);
    END IF;
    -- Each pair of neighbours at the place of its first character, and the last character of a run alone.
    RETURN (
        SELECT string_agg(letter || trim(next) || ':' || place, ' ')::tsvector
        FROM (
            SELECT letter, place, lead(letter, 1, ' ') OVER (ORDER BY place) AS next
            FROM unnest(string_to_array(runs, NULL)) WITH ORDINALITY AS split (letter, place)
        ) AS pairs
        WHERE letter <> ' '
    ) || to_tsvector('simple', regexp_replace(plain, '[' || cjk || ']+', ' ', 'g'));
END
$$
""",
    r"""
CREATE OR REPLACE FUNCTION ccgraph_tsquery(search text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    run CONSTANT text := '[々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿]+';
    plain CONSTANT text := normalize(left(search, 1000), NFKC);
    other CONSTANT text := regexp_replace(plain, run, ' ', 'g');
    words CONSTANT tsquery := CASE WHEN other ~ '\S' THEN plainto_tsquery('simple', other) END;
    phrases tsquery;
BEGIN
    -- A run of several characters is the phrase of its pairs, so that it is found in this order only.
    -- A single character is what a pair begins with, or the last of a run.
    SELECT string_agg('(' || COALESCE(phrase, word[1] || ':*') || ')', ' & ')::tsquery INTO phrases
    FROM regexp_matches(plain, run, 'g') AS found (word),
        LATERAL (
            SELECT string_agg(substr(word[1], place, 2), ' <-> ' ORDER BY place) AS phrase
            FROM generate_series(1, length(word[1]) - 1) AS place
        ) AS pairs;
    RETURN COALESCE(words && phrases, words, phrases);
END
$$
""",
)

CONSTRAINTS = (
    "ALTER TABLE users ADD CONSTRAINT chk_username_length CHECK (LENGTH(username) >= 3)",
    "ALTER TABLE users ADD CONSTRAINT chk_username_alphanumeric CHECK (username ~* '^[a-zA-Z0-9_-]+$')",
    r"ALTER TABLE users ADD CONSTRAINT chk_email_format CHECK (email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')",
    "ALTER TABLE auth_tokens ADD CONSTRAINT chk_token_type CHECK (token_type IN ('access', 'refresh'))",
    "ALTER TABLE projects ADD CONSTRAINT chk_project_type CHECK (project_type IN ('web', 'api', 'cli', 'mobile', 'data', 'general'))",
    "ALTER TABLE projects ADD CONSTRAINT chk_projects_status CHECK (status IN ('active', 'paused', 'completed', 'archived'))",
    "ALTER TABLE worktrees ADD CONSTRAINT chk_worktree_status CHECK (status IN ('active', 'inactive', 'error'))",
    "ALTER TABLE worktrees ADD CONSTRAINT chk_sync_status CHECK (sync_status IN ('clean', 'dirty', 'conflicted', 'syncing'))",
    "ALTER TABLE worktrees ADD CONSTRAINT chk_paths_different CHECK (repository_path != worktree_path)",
    "ALTER TABLE sessions ADD CONSTRAINT chk_session_status CHECK (status IN ('running', 'stopped', 'error', 'starting', 'stopping'))",
    "ALTER TABLE sessions ADD CONSTRAINT chk_resource_limits_valid CHECK (jsonb_typeof(resource_limits) = 'object')",
    "ALTER TABLE collaboration_sessions ADD CONSTRAINT chk_share_mode CHECK (share_mode IN ('read_only', 'edit', 'full_control'))",
    "ALTER TABLE collaboration_sessions ADD CONSTRAINT chk_max_participants CHECK (max_participants > 0 AND max_participants <= 20)",
    "ALTER TABLE collaboration_participants ADD CONSTRAINT chk_collaboration_participants_state CHECK (state IN ('requested', 'joined', 'left', 'refused'))",
    "ALTER TABLE notification_settings ADD CONSTRAINT chk_notification_type CHECK (notification_type IN ('claude_request', 'task_completed', 'error_occurred', 'collaboration_invite'))",
    "ALTER TABLE notification_settings ADD CONSTRAINT chk_service_type CHECK (service_type IN ('web_push', 'webhook', 'line', 'slack', 'discord'))",
    "ALTER TABLE notification_history ADD CONSTRAINT chk_notification_history_notification_type CHECK (notification_type IN ('claude_request', 'task_completed', 'error_occurred', 'collaboration_invite'))",
    "ALTER TABLE notification_history ADD CONSTRAINT chk_notification_history_service_type CHECK (service_type IN ('web_push', 'webhook', 'line', 'slack', 'discord'))",
    "ALTER TABLE notification_history ADD CONSTRAINT chk_notification_status CHECK (status IN ('pending', 'sent', 'failed', 'cancelled'))",
    "ALTER TABLE notification_history ADD CONSTRAINT chk_priority CHECK (priority IN ('low', 'normal', 'high', 'urgent'))",
    "ALTER TABLE notification_history ADD CONSTRAINT chk_retry_count_limit CHECK (retry_count <= max_retries)",
    "ALTER TABLE file_operations ADD CONSTRAINT chk_operation_type CHECK (operation_type IN ('create', 'read', 'update', 'delete', 'rename', 'move', 'copy'))",
    "ALTER TABLE system_logs ADD CONSTRAINT chk_log_level CHECK (level IN ('DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL'))",
    "ALTER TABLE system_settings ADD CONSTRAINT chk_data_type CHECK (data_type IN ('string', 'number', 'boolean', 'json', 'array'))",
    "ALTER TABLE worktree_sync_history ADD CONSTRAINT chk_sync_type CHECK (sync_type IN ('merge', 'cherry-pick', 'rebase', 'pull', 'push'))",
    "ALTER TABLE worktree_sync_history ADD CONSTRAINT chk_sync_direction CHECK (sync_direction IN ('push', 'pull', 'bidirectional'))",
    "ALTER TABLE worktree_sync_history ADD CONSTRAINT chk_sync_status CHECK (status IN ('success', 'failed', 'partial', 'cancelled'))",
    "ALTER TABLE websocket_sessions ADD CONSTRAINT chk_websocket_sessions_transport CHECK (transport IN ('websocket', 'sse'))",
    "ALTER TABLE cc_instances ADD CONSTRAINT chk_cc_instances_type CHECK (type IN ('PARENT', 'CHILD'))",
    "ALTER TABLE cc_instances ADD CONSTRAINT chk_cc_instances_status CHECK (status IN ('IDLE', 'RUNNING', 'STOPPED', 'ERROR'))",
    "ALTER TABLE cc_instances ADD CONSTRAINT chk_cc_instances_parent CHECK (parent_instance_id <> id)",
    "ALTER TABLE tasks ADD CONSTRAINT chk_tasks_status CHECK (status IN ('PENDING', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED'))",
    "ALTER TABLE tasks ADD CONSTRAINT chk_tasks_task_type CHECK (task_type IN ('development', 'design', 'testing', 'documentation'))",
    "ALTER TABLE tasks ADD CONSTRAINT chk_tasks_priority CHECK (priority BETWEEN 1 AND 10)",
    "ALTER TABLE tasks ADD CONSTRAINT chk_tasks_parent CHECK (parent_task_id <> id)",
    "ALTER TABLE task_dependencies ADD CONSTRAINT chk_task_dependencies_dependency_type CHECK (dependency_type IN ('blocks', 'requires', 'suggests'))",
    "ALTER TABLE task_dependencies ADD CONSTRAINT chk_task_dependencies_self CHECK (task_id <> dependency_task_id)",
    "ALTER TABLE ultrathink_messages ADD CONSTRAINT chk_ultrathink_messages_instruction_type CHECK (instruction_type IN ('task_assignment', 'progress_request', 'termination'))",
    "ALTER TABLE ultrathink_messages ADD CONSTRAINT chk_ultrathink_messages_status CHECK (status IN ('sent', 'acknowledged', 'executing', 'completed', 'failed'))",
    "ALTER TABLE mcp_messages ADD CONSTRAINT chk_mcp_messages_message_type CHECK (message_type IN ('request', 'response', 'notification'))",
    "ALTER TABLE mcp_messages ADD CONSTRAINT chk_mcp_messages_direction CHECK (direction IN ('client', 'server'))",
    "ALTER TABLE mcp_tool_calls ADD CONSTRAINT chk_mcp_tool_calls_status CHECK (status IN ('pending', 'running', 'completed', 'failed'))",
    "ALTER TABLE websocket_notifications ADD CONSTRAINT chk_websocket_notifications_event_type CHECK (event_type IN ('progress', 'error', 'milestone', 'completion'))",
    "ALTER TABLE websocket_notifications ADD CONSTRAINT chk_websocket_notifications_delivery_status CHECK (delivery_status IN ('sent', 'delivered', 'failed'))",
    "ALTER TABLE cc_logs ADD CONSTRAINT chk_cc_logs_log_level CHECK (log_level IN ('debug', 'info', 'warn', 'error', 'fatal'))",
    "ALTER TABLE cc_logs ADD CONSTRAINT chk_cc_logs_category CHECK (category IN ('system', 'task', 'mcp', 'ultrathink', 'git'))",
    "ALTER TABLE task_logs ADD CONSTRAINT chk_task_logs_log_level CHECK (log_level IN ('debug', 'info', 'warn', 'error', 'fatal'))",
    "ALTER TABLE task_logs ADD CONSTRAINT chk_task_logs_phase CHECK (phase IN ('setup', 'execution', 'cleanup', 'error'))",
    "ALTER TABLE requirements ADD CONSTRAINT chk_requirements_type CHECK (type IN ('functional', 'non_functional', 'mcp_specific'))",
    "ALTER TABLE requirements ADD CONSTRAINT chk_requirements_status CHECK (status IN ('draft', 'approved', 'implemented', 'tested'))",
    "ALTER TABLE features ADD CONSTRAINT chk_features_feature_type CHECK (feature_type IN ('mcp', 'ultrathink', 'ui', 'api', 'database'))",
    "ALTER TABLE features ADD CONSTRAINT chk_features_status CHECK (status IN ('planned', 'development', 'testing', 'completed'))",
    "ALTER TABLE change_events ADD CONSTRAINT chk_change_events_op CHECK (op IN ('INSERT', 'UPDATE', 'DELETE'))",
    "ALTER TABLE feed_state ADD CONSTRAINT chk_feed_state_single CHECK (id)",
)

INDEXES = (
    "CREATE UNIQUE INDEX uk_users_email ON users (email) WHERE email IS NOT NULL",
    "CREATE INDEX idx_auth_tokens_expires ON auth_tokens (expires_at) WHERE is_active = true",
    "CREATE INDEX idx_auth_tokens_family ON auth_tokens (family_id)",
    "CREATE INDEX idx_auth_tokens_user_active ON auth_tokens (user_id, is_active) WHERE is_active = true",
    "CREATE INDEX idx_auth_tokens_user_id ON auth_tokens (user_id)",
    "CREATE INDEX idx_auth_tokens_valid ON auth_tokens (user_id, expires_at) WHERE is_active",
    "CREATE INDEX idx_projects_collaborators ON projects USING gin (collaborators jsonb_path_ops)",
    "CREATE INDEX idx_projects_owner_activity ON projects (owner_id, last_activity DESC)",
    "CREATE INDEX idx_projects_public_activity ON projects (is_public, last_activity DESC) WHERE is_public = true",
    "CREATE INDEX idx_projects_search ON projects USING gin (ccgraph_tsvector(name || ' ' || COALESCE(description, '')))",
    "CREATE INDEX idx_worktrees_active ON worktrees (user_id, last_accessed DESC) WHERE status = 'active'",
    "CREATE INDEX idx_worktrees_project_id ON worktrees (project_id)",
    "CREATE INDEX idx_worktrees_status_accessed ON worktrees (status, last_accessed DESC)",
    "CREATE INDEX idx_worktrees_user_id ON worktrees (user_id)",
    "CREATE INDEX idx_worktrees_user_repository ON worktrees (user_id, repository_path)",
    "CREATE INDEX idx_sessions_active ON sessions (user_id, last_accessed DESC) WHERE status IN ('running', 'starting')",
    "CREATE INDEX idx_sessions_error ON sessions (user_id, updated_at DESC) WHERE status = 'error'",
    "CREATE INDEX idx_sessions_project_id ON sessions (project_id)",
    "CREATE INDEX idx_sessions_status_updated ON sessions (status, updated_at)",
    "CREATE INDEX idx_sessions_user_id ON sessions (user_id)",
    "CREATE INDEX idx_sessions_user_last_accessed ON sessions (user_id, last_accessed DESC)",
    "CREATE INDEX idx_sessions_user_status ON sessions (user_id, status)",
    "CREATE INDEX idx_sessions_worktree_id ON sessions (worktree_id)",
    "CREATE UNIQUE INDEX uk_sessions_container ON sessions (container_id) WHERE container_id IS NOT NULL",
    "CREATE INDEX idx_collaboration_sessions_host_user_id ON collaboration_sessions (host_user_id)",
    "CREATE INDEX idx_collaboration_sessions_session_id ON collaboration_sessions (session_id)",
    "CREATE INDEX idx_collaboration_participants_user_state ON collaboration_participants (user_id, state)",
    "CREATE INDEX idx_notification_settings_user_enabled ON notification_settings (user_id, is_enabled)",
    "CREATE INDEX idx_notification_settings_user_id ON notification_settings (user_id)",
    "CREATE INDEX idx_notification_failed ON notification_history (user_id, created_at DESC) WHERE status = 'failed'",
    "CREATE INDEX idx_notification_history_session_id ON notification_history (session_id)",
    "CREATE INDEX idx_notification_history_status_scheduled ON notification_history (status, scheduled_at)",
    "CREATE INDEX idx_notification_history_user_id ON notification_history (user_id)",
    "CREATE INDEX idx_notification_history_user_status ON notification_history (user_id, status)",
    "CREATE INDEX idx_file_operations_path_search ON file_operations USING gin (ccgraph_tsvector(translate(file_path, '/._-', '    ')))",
    "CREATE INDEX idx_file_operations_session_id ON file_operations (session_id)",
    "CREATE INDEX idx_file_operations_session_type ON file_operations (session_id, operation_type)",
    "CREATE INDEX idx_file_operations_user_created ON file_operations (user_id, created_at DESC)",
    "CREATE INDEX idx_file_operations_user_id ON file_operations (user_id)",
    "CREATE INDEX idx_system_logs_level_created ON system_logs (level, created_at DESC)",
    "CREATE INDEX idx_system_logs_message_search ON system_logs USING gin (ccgraph_tsvector(message))",
    "CREATE INDEX idx_system_logs_module_created ON system_logs (module, created_at DESC)",
    "CREATE INDEX idx_system_logs_session_id ON system_logs (session_id)",
    "CREATE INDEX idx_system_logs_user_id ON system_logs (user_id)",
    "CREATE INDEX idx_system_logs_xid ON system_logs (xid)",
    "CREATE INDEX idx_system_settings_updated_by ON system_settings (updated_by)",
    "CREATE INDEX idx_worktree_sync_executed_by ON worktree_sync_history (executed_by)",
    "CREATE INDEX idx_worktree_sync_source_created ON worktree_sync_history (source_worktree_id, created_at DESC)",
    "CREATE INDEX idx_worktree_sync_target ON worktree_sync_history (target_worktree_id)",
    "CREATE INDEX idx_websocket_sessions_open ON websocket_sessions (process_id, last_seen) WHERE disconnected_at IS NULL",
    "CREATE INDEX idx_websocket_sessions_user_id ON websocket_sessions (user_id)",
    "CREATE INDEX idx_cc_instances_heartbeat ON cc_instances (last_heartbeat)",
    "CREATE INDEX idx_cc_instances_parent_status ON cc_instances (parent_instance_id, status)",
    "CREATE INDEX idx_cc_instances_project_type ON cc_instances (project_id, type)",
    "CREATE INDEX idx_cc_instances_socket ON cc_instances (socket_id)",
    "CREATE INDEX idx_tasks_assigned_status ON tasks (assigned_to, status)",
    "CREATE INDEX idx_tasks_duration ON tasks (estimated_duration_minutes, actual_duration_minutes)",
    "CREATE INDEX idx_tasks_claim ON tasks (project_id, priority DESC, created_at, id) "
    "WHERE status IN ('PENDING', 'QUEUED')",
    "CREATE INDEX idx_tasks_lease ON tasks (lease_expires_at) WHERE lease_expires_at IS NOT NULL",
    "CREATE INDEX idx_tasks_mcp_enabled ON tasks (mcp_enabled, ultrathink_protocol)",
    "CREATE INDEX idx_tasks_parent ON tasks (parent_task_id)",
    "CREATE INDEX idx_tasks_project_status_priority ON tasks (project_id, status, priority)",
    "CREATE INDEX idx_tasks_search ON tasks USING gin (ccgraph_tsvector(name || ' ' || COALESCE(description, '')))",
    "CREATE INDEX idx_task_dependencies_dependency ON task_dependencies (dependency_task_id)",
    "CREATE INDEX idx_task_dependencies_task ON task_dependencies (task_id)",
    "CREATE INDEX idx_git_worktrees_cc_task ON git_worktrees (cc_instance_id, task_id)",
    "CREATE INDEX idx_git_worktrees_cleanup ON git_worktrees (cleanup_scheduled_at)",
    "CREATE INDEX idx_git_worktrees_project ON git_worktrees (project_id)",
    "CREATE INDEX idx_git_worktrees_task ON git_worktrees (task_id)",
    "CREATE INDEX idx_ultrathink_child ON ultrathink_messages (child_instance_id)",
    "CREATE INDEX idx_ultrathink_parent_child ON ultrathink_messages (parent_instance_id, child_instance_id)",
    "CREATE INDEX idx_ultrathink_sent_ack ON ultrathink_messages (sent_at, acknowledged_at)",
    "CREATE INDEX idx_ultrathink_task_status ON ultrathink_messages (task_id, status)",
    "CREATE INDEX idx_mcp_messages_cc_instance ON mcp_messages (cc_instance_id)",
    "CREATE INDEX idx_mcp_messages_created_at ON mcp_messages (created_at)",
    "CREATE INDEX idx_mcp_messages_method ON mcp_messages (method)",
    "CREATE INDEX idx_mcp_messages_oversized ON mcp_messages (created_at) WHERE length(params::text) > 10000 OR length(result::text) > 10000",
    "CREATE INDEX idx_mcp_messages_processing_time ON mcp_messages (processing_time_ms)",
    "CREATE INDEX idx_mcp_messages_rpc ON mcp_messages (cc_instance_id, server_name, rpc_id)",
    "CREATE INDEX idx_mcp_messages_search ON mcp_messages USING gin (ccgraph_tsvector(translate(COALESCE(method, '') || ' ' || COALESCE(params ->> 'name', '') || ' ' || COALESCE(error ->> 'message', ''), '/._-', '    ')))",
    "CREATE INDEX idx_mcp_messages_type_created ON mcp_messages (message_type, created_at)",
    "CREATE INDEX idx_mcp_tool_calls_cc_started ON mcp_tool_calls (cc_instance_id, started_at)",
    "CREATE INDEX idx_mcp_tool_calls_message ON mcp_tool_calls (message_id)",
    "CREATE INDEX idx_mcp_tool_calls_tool_status ON mcp_tool_calls (tool_name, status)",
    "CREATE INDEX idx_websocket_notifications_project ON websocket_notifications (project_id, sent_at)",
    "CREATE INDEX idx_websocket_notifications_sent_status ON websocket_notifications (sent_at, delivery_status)",
    "CREATE INDEX idx_websocket_notifications_socket_event ON websocket_notifications (socket_id, event_type)",
    "CREATE INDEX idx_cc_logs_cc_created ON cc_logs (cc_instance_id, created_at)",
    "CREATE INDEX idx_cc_logs_message_search ON cc_logs USING gin (ccgraph_tsvector(message))",
    "CREATE INDEX idx_cc_logs_task_created ON cc_logs (task_id, created_at)",
    "CREATE INDEX idx_cc_logs_xid ON cc_logs (xid)",
    "CREATE INDEX idx_task_logs_cc_phase ON task_logs (cc_instance_id, phase)",
    "CREATE INDEX idx_task_logs_task_level_created ON task_logs (task_id, log_level, created_at)",
    "CREATE INDEX idx_task_logs_xid ON task_logs (xid)",
    "CREATE INDEX idx_requirements_project ON requirements (project_id)",
    "CREATE INDEX idx_features_project ON features (project_id)",
    "CREATE INDEX idx_projects_archive_owner ON projects_archive (owner_id)",
    "CREATE INDEX idx_tasks_archive_project ON tasks_archive (project_id)",
    "CREATE INDEX idx_mcp_messages_archive_project ON mcp_messages_archive (project_id, created_at)",
    "CREATE INDEX idx_change_events_xid ON change_events (xid)",
)


def upgrade() -> None:
    """Make the search functions, then the constraints and indexes."""
    for statement in (*SEARCH, *CONSTRAINTS, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    """Drop them, in the opposite order."""
    for statement in reversed(INDEXES):
        op.execute(re.sub(r"CREATE (UNIQUE )?INDEX (\w+) .*", r"DROP INDEX \2", statement))
    for statement in reversed(CONSTRAINTS):
        op.execute(re.sub(r"ADD CONSTRAINT (\w+) .*", r"DROP CONSTRAINT \1", statement))
    op.execute("DROP FUNCTION ccgraph_tsquery(text)")
    op.execute("DROP FUNCTION ccgraph_tsvector(text)")
