"""Partitions, functions, triggers and views, and the retention figures that maintenance reads."""

import re

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARTITIONED = (
    ("cc_logs", 1000),
    ("task_logs", 1000),
    ("system_logs", 1000),
    ("notification_history", 500),
    ("file_operations", 500),
    ("change_events", 1000),
)

RETENTION = (
    ("cc_logs_days", 30, "Days that entries of instance logs are kept."),
    ("task_logs_days", 30, "Days that entries of task logs are kept."),
    ("system_logs_days", 90, "Days that entries of the system log are kept."),
    ("notification_history_days", 90, "Days that the history of notifications is kept."),
    ("file_operations_days", 90, "Days that the history of file operations is kept."),
    ("change_events_days", 7, "Days that a subscription can be resumed after it ended."),
    ("expired_tokens_days", 0, "Days that tokens are kept after they expired."),
    ("mcp_payload_days", 7, "Days after which long MCP payloads are compacted."),
    ("mcp_payload_characters", 10000, "Length in characters past which an MCP payload is compacted."),
)

FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = GREATEST(NOW(), OLD.updated_at + INTERVAL '1 microsecond');
    RETURN NEW;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION update_project_stats() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    projects_changed integer[];
    differences integer[];
    projects_active integer[];
BEGIN
    IF TG_TABLE_NAME = 'worktree_sync_history' THEN
        SELECT array_agg(project_id), array_agg(commits) INTO projects_changed, differences
        FROM (
            SELECT worktrees.project_id, count(*)::integer AS commits
            FROM new_rows JOIN worktrees ON worktrees.worktree_id = new_rows.source_worktree_id
            WHERE new_rows.status = 'success' AND new_rows.commit_hash IS NOT NULL
                AND worktrees.project_id IS NOT NULL
            GROUP BY worktrees.project_id
        ) AS changes;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(project_id), array_agg(difference) INTO projects_changed, differences
        FROM (
            SELECT project_id, count(*)::integer AS difference
            FROM new_rows WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(project_id), array_agg(difference) INTO projects_changed, differences
        FROM (
            SELECT project_id, -count(*)::integer AS difference
            FROM old_rows WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    ELSE
        SELECT array_agg(project_id) FILTER (WHERE difference <> 0),
            array_agg(difference) FILTER (WHERE difference <> 0),
            array_agg(project_id) FILTER (WHERE difference = 0)
        INTO projects_changed, differences, projects_active
        FROM (
            SELECT project_id, sum(step)::integer AS difference
            FROM (
                SELECT project_id, 1 AS step FROM new_rows
                UNION ALL SELECT project_id, -1 FROM old_rows
            ) AS steps
            WHERE project_id IS NOT NULL GROUP BY project_id
        ) AS changes;
    END IF;

    IF projects_changed IS NOT NULL THEN
        PERFORM id FROM projects WHERE id = ANY (projects_changed) ORDER BY id FOR NO KEY UPDATE;
        UPDATE projects SET
            total_sessions = COALESCE(total_sessions, 0)
                + CASE WHEN TG_TABLE_NAME = 'sessions' THEN difference ELSE 0 END,
            total_worktrees = COALESCE(total_worktrees, 0)
                + CASE WHEN TG_TABLE_NAME = 'worktrees' THEN difference ELSE 0 END,
            total_commits = COALESCE(total_commits, 0)
                + CASE WHEN TG_TABLE_NAME = 'worktree_sync_history' THEN difference ELSE 0 END,
            last_activity = GREATEST(last_activity, NOW())
        FROM unnest(projects_changed, differences) AS change (project, difference)
        WHERE id = project;
    END IF;
    IF projects_active IS NOT NULL THEN
        UPDATE projects SET last_activity = NOW()
        WHERE id IN (
            SELECT id FROM projects
            WHERE id = ANY (projects_active) AND (last_activity IS NULL OR last_activity < NOW())
            FOR NO KEY UPDATE SKIP LOCKED
        );
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_project_workdir() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.workdir = COALESCE(NEW.workdir, NEW.local_path, 'projects/' || NEW.project_id);
    RETURN NEW;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_setting(wanted text) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT (setting_value #>> '{}')::numeric::integer FROM system_settings WHERE setting_key = wanted
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_create_partition(
    parent text, partition text, low timestamptz, high timestamptz
) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    leftover CONSTANT text := parent || '_default';
    time_column CONSTANT text := CASE parent WHEN 'change_events' THEN 'at' ELSE 'created_at' END;
    threshold CONSTANT integer :=
        CASE WHEN parent IN ('notification_history', 'file_operations') THEN 500 ELSE 1000 END;
    strayed boolean;
BEGIN
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) '
        'WITH (autovacuum_vacuum_threshold = %s, autovacuum_analyze_threshold = %s)',
        partition, parent, threshold, threshold / 2);
    EXECUTE format('COMMENT ON TABLE %I IS %L', partition, obj_description(parent::regclass, 'pg_class'));
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', leftover);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= $1 AND %2$I < $2)', leftover, time_column)
        INTO strayed USING low, high;
    IF strayed THEN
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', leftover);
        EXECUTE format(
            'WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2 RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', leftover, time_column, partition) USING low, high;
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', leftover);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, low, high);
    RETURN true;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_create_partitions(
    months_ahead integer DEFAULT 2, days_ahead integer DEFAULT 3
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    today CONSTANT timestamp := date_trunc('day', NOW() AT TIME ZONE 'UTC');
    month CONSTANT timestamp := date_trunc('month', today);
    planned record;
    created integer := 0;
BEGIN
    -- Two processes at once: the second waits, then finds everything there.
    PERFORM pg_advisory_xact_lock(hashtext('ccgraph partitions'));
    FOR planned IN
        SELECT parent, parent || to_char(start, '_YYYY_MM') AS partition,
            start AT TIME ZONE 'UTC' AS low, (start + INTERVAL '1 month') AT TIME ZONE 'UTC' AS high
        FROM unnest(ARRAY['cc_logs', 'task_logs', 'system_logs', 'notification_history', 'file_operations'])
                AS parent,
            generate_series(month, month + months_ahead * INTERVAL '1 month', INTERVAL '1 month') AS start
        UNION ALL
        SELECT 'change_events', 'change_events' || to_char(start, '_YYYY_MM_DD'),
            start AT TIME ZONE 'UTC', (start + INTERVAL '1 day') AT TIME ZONE 'UTC'
        FROM generate_series(today, today + days_ahead * INTERVAL '1 day', INTERVAL '1 day') AS start
        ORDER BY partition
    LOOP
        IF ccgraph_create_partition(planned.parent, planned.partition, planned.low, planned.high) THEN
            created := created + 1;
        END IF;
    END LOOP;
    RETURN created;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_raise_feed_floor(leaving xid8) RETURNS void
LANGUAGE sql AS $$
    UPDATE feed_state SET floor = leaving WHERE floor < leaving
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_renew_feed() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE change_events;
    UPDATE cc_logs SET xid = '3' WHERE xid <> '3';
    UPDATE task_logs SET xid = '3' WHERE xid <> '3';
    UPDATE system_logs SET xid = '3' WHERE xid <> '3';
    UPDATE feed_state SET epoch = gen_random_uuid(), floor = '0';
END
$$
""",
    r"""
CREATE OR REPLACE FUNCTION ccgraph_drop_partitions() RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    expired record;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ccgraph partitions'));
    FOR expired IN
        SELECT parent.relname AS parent, partition.relname AS name
        FROM pg_inherits
            JOIN pg_class AS parent ON parent.oid = inhparent
            JOIN pg_class AS partition ON partition.oid = inhrelid,
            LATERAL substring(
                pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \(''(.*)''\)') AS high
        WHERE parent.oid IN (
                'cc_logs'::regclass, 'task_logs'::regclass, 'system_logs'::regclass,
                'notification_history'::regclass, 'file_operations'::regclass, 'change_events'::regclass)
            AND high::timestamptz
                <= NOW() - INTERVAL '1 day' * ccgraph_setting('retention.' || parent.relname || '_days')
        ORDER BY partition.relname
    LOOP
        IF expired.parent IN ('change_events', 'cc_logs', 'task_logs', 'system_logs') THEN
            EXECUTE format(
                'SELECT ccgraph_raise_feed_floor((SELECT xid FROM %I ORDER BY xid DESC LIMIT 1))',
                expired.name);
        END IF;
        EXECUTE format('DROP TABLE %I', expired.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION cleanup_old_logs() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    followed text;
BEGIN
    -- Another process is at it already: nothing is left to do.
    IF NOT pg_try_advisory_xact_lock(hashtext('ccgraph cleanup')) THEN
        RETURN;
    END IF;
    FOREACH followed IN ARRAY ARRAY['change_events', 'cc_logs', 'task_logs', 'system_logs'] LOOP
        EXECUTE format(
            'WITH gone AS ('
            'DELETE FROM %I WHERE %I < NOW() - INTERVAL ''1 day'' * ccgraph_setting(%L) RETURNING xid) '
            'SELECT ccgraph_raise_feed_floor((SELECT xid FROM gone ORDER BY xid DESC LIMIT 1))',
            followed, CASE followed WHEN 'change_events' THEN 'at' ELSE 'created_at' END,
            'retention.' || followed || '_days');
    END LOOP;
    DELETE FROM notification_history
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.notification_history_days');
    DELETE FROM file_operations
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.file_operations_days');
    DELETE FROM auth_tokens
        WHERE expires_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.expired_tokens_days');
    EXECUTE replace($compact$
        UPDATE mcp_messages SET
            params = CASE WHEN length(params::text) > characters
                THEN jsonb_build_object('archived', true, 'original_size', length(params::text))
                ELSE params END,
            result = CASE WHEN length(result::text) > characters
                THEN jsonb_build_object('archived', true, 'original_size', length(result::text))
                ELSE result END
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.mcp_payload_days')
            AND (length(params::text) > characters OR length(result::text) > characters)
        $compact$,
        'characters', COALESCE(ccgraph_setting('retention.mcp_payload_characters'), 2147483647)::text);
    ANALYZE cc_logs, task_logs, system_logs, notification_history, file_operations, auth_tokens, mcp_messages;
    -- Last, for it locks whole tables until the end of the transaction.
    BEGIN
        PERFORM ccgraph_drop_partitions();
    EXCEPTION WHEN lock_not_available THEN
        RAISE LOG 'partitions are in use and will be dropped the next time';
    END;
END
$$
""",
)

TRIGGERS = (
    "CREATE TRIGGER tr_users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_sessions_updated_at BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_projects_updated_at BEFORE UPDATE ON projects FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_worktrees_updated_at BEFORE UPDATE ON worktrees FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_collaboration_sessions_updated_at BEFORE UPDATE ON collaboration_sessions FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_notification_settings_updated_at BEFORE UPDATE ON notification_settings FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_system_settings_updated_at BEFORE UPDATE ON system_settings FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_tasks_updated_at BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_requirements_updated_at BEFORE UPDATE ON requirements FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_features_updated_at BEFORE UPDATE ON features FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "CREATE TRIGGER tr_sessions_project_stats AFTER INSERT ON sessions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_sessions_project_stats_update AFTER UPDATE ON sessions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_sessions_project_stats_delete AFTER DELETE ON sessions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_worktrees_project_stats AFTER INSERT ON worktrees REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_worktrees_project_stats_update AFTER UPDATE ON worktrees REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_worktrees_project_stats_delete AFTER DELETE ON worktrees REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_worktree_sync_history_project_stats AFTER INSERT ON worktree_sync_history REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION update_project_stats()",
    "CREATE TRIGGER tr_projects_workdir BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION ccgraph_project_workdir()",
)

FEED_FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_cc_instances() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', TG_OP, actor, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', TG_OP, actor, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('cc_instances', TG_OP, actor, jsonb_build_object('project_id', OLD.project_id, 'name', OLD.name, 'type', OLD.type, 'status', OLD.status, 'parent_instance_id', OLD.parent_instance_id, 'exit_code', OLD.exit_code),
            jsonb_build_object('project_id', NEW.project_id, 'name', NEW.name, 'type', NEW.type, 'status', NEW.status, 'parent_instance_id', NEW.parent_instance_id, 'exit_code', NEW.exit_code), NEW.id::text, NEW.project_id, NULL, NEW.id, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_tasks() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'tasks', TG_OP, actor, jsonb_build_object('project_id', changed.project_id, 'parent_task_id', changed.parent_task_id, 'name', changed.name, 'status', changed.status, 'priority', changed.priority, 'task_type', changed.task_type, 'assigned_to', changed.assigned_to), changed.id::text, changed.project_id, NULL, changed.assigned_to, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'tasks', TG_OP, actor, jsonb_build_object('project_id', changed.project_id, 'parent_task_id', changed.parent_task_id, 'name', changed.name, 'status', changed.status, 'priority', changed.priority, 'task_type', changed.task_type, 'assigned_to', changed.assigned_to), changed.id::text, changed.project_id, NULL, changed.assigned_to, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('tasks', TG_OP, actor, jsonb_build_object('project_id', OLD.project_id, 'parent_task_id', OLD.parent_task_id, 'name', OLD.name, 'status', OLD.status, 'priority', OLD.priority, 'task_type', OLD.task_type, 'assigned_to', OLD.assigned_to),
            jsonb_build_object('project_id', NEW.project_id, 'parent_task_id', NEW.parent_task_id, 'name', NEW.name, 'status', NEW.status, 'priority', NEW.priority, 'task_type', NEW.task_type, 'assigned_to', NEW.assigned_to), NEW.id::text, NEW.project_id, NULL, NEW.assigned_to, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_sessions() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'sessions', TG_OP, actor, jsonb_build_object('session_id', changed.session_id, 'user_id', changed.user_id, 'project_id', changed.project_id, 'worktree_id', changed.worktree_id, 'name', changed.name, 'status', changed.status), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'sessions', TG_OP, actor, jsonb_build_object('session_id', changed.session_id, 'user_id', changed.user_id, 'project_id', changed.project_id, 'worktree_id', changed.worktree_id, 'name', changed.name, 'status', changed.status), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('sessions', TG_OP, actor, jsonb_build_object('session_id', OLD.session_id, 'user_id', OLD.user_id, 'project_id', OLD.project_id, 'worktree_id', OLD.worktree_id, 'name', OLD.name, 'status', OLD.status),
            jsonb_build_object('session_id', NEW.session_id, 'user_id', NEW.user_id, 'project_id', NEW.project_id, 'worktree_id', NEW.worktree_id, 'name', NEW.name, 'status', NEW.status), NEW.id::text, (SELECT project_id FROM projects WHERE projects.id = NEW.project_id), NEW.user_id, NULL, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_worktrees() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'worktrees', TG_OP, actor, jsonb_build_object('user_id', changed.user_id, 'project_id', changed.project_id, 'branch_name', changed.branch_name, 'commit_hash', changed.commit_hash, 'status', changed.status, 'sync_status', changed.sync_status, 'uncommitted_changes', changed.uncommitted_changes), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'worktrees', TG_OP, actor, jsonb_build_object('user_id', changed.user_id, 'project_id', changed.project_id, 'branch_name', changed.branch_name, 'commit_hash', changed.commit_hash, 'status', changed.status, 'sync_status', changed.sync_status, 'uncommitted_changes', changed.uncommitted_changes), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('worktrees', TG_OP, actor, jsonb_build_object('user_id', OLD.user_id, 'project_id', OLD.project_id, 'branch_name', OLD.branch_name, 'commit_hash', OLD.commit_hash, 'status', OLD.status, 'sync_status', OLD.sync_status, 'uncommitted_changes', OLD.uncommitted_changes),
            jsonb_build_object('user_id', NEW.user_id, 'project_id', NEW.project_id, 'branch_name', NEW.branch_name, 'commit_hash', NEW.commit_hash, 'status', NEW.status, 'sync_status', NEW.sync_status, 'uncommitted_changes', NEW.uncommitted_changes), NEW.id::text, (SELECT project_id FROM projects WHERE projects.id = NEW.project_id), NEW.user_id, NULL, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_ultrathink_messages() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'ultrathink_messages', TG_OP, actor, jsonb_build_object('instruction_type', changed.instruction_type, 'status', changed.status), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = COALESCE(changed.child_instance_id, changed.parent_instance_id)), NULL, COALESCE(changed.child_instance_id, changed.parent_instance_id), NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'ultrathink_messages', TG_OP, actor, jsonb_build_object('instruction_type', changed.instruction_type, 'status', changed.status), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = COALESCE(changed.child_instance_id, changed.parent_instance_id)), NULL, COALESCE(changed.child_instance_id, changed.parent_instance_id), NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('ultrathink_messages', TG_OP, actor, jsonb_build_object('instruction_type', OLD.instruction_type, 'status', OLD.status),
            jsonb_build_object('instruction_type', NEW.instruction_type, 'status', NEW.status), NEW.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = COALESCE(NEW.child_instance_id, NEW.parent_instance_id)), NULL, COALESCE(NEW.child_instance_id, NEW.parent_instance_id), NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_mcp_tool_calls() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'mcp_tool_calls', TG_OP, actor, jsonb_build_object('tool_name', changed.tool_name, 'status', changed.status), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = changed.cc_instance_id), NULL, changed.cc_instance_id, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'mcp_tool_calls', TG_OP, actor, jsonb_build_object('tool_name', changed.tool_name, 'status', changed.status), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = changed.cc_instance_id), NULL, changed.cc_instance_id, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('mcp_tool_calls', TG_OP, actor, jsonb_build_object('tool_name', OLD.tool_name, 'status', OLD.status),
            jsonb_build_object('tool_name', NEW.tool_name, 'status', NEW.status), NEW.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = NEW.cc_instance_id), NULL, NEW.cc_instance_id, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_websocket_notifications() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'websocket_notifications', TG_OP, actor, jsonb_build_object('socket_id', changed.socket_id, 'project_id', changed.project_id, 'event_type', changed.event_type, 'event_name', changed.event_name, 'delivery_status', changed.delivery_status, 'retry_count', changed.retry_count), changed.id::text, changed.project_id, NULL, NULL, changed.socket_id
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'websocket_notifications', TG_OP, actor, jsonb_build_object('socket_id', changed.socket_id, 'project_id', changed.project_id, 'event_type', changed.event_type, 'event_name', changed.event_name, 'delivery_status', changed.delivery_status, 'retry_count', changed.retry_count), changed.id::text, changed.project_id, NULL, NULL, changed.socket_id
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('websocket_notifications', TG_OP, actor, jsonb_build_object('socket_id', OLD.socket_id, 'project_id', OLD.project_id, 'event_type', OLD.event_type, 'event_name', OLD.event_name, 'delivery_status', OLD.delivery_status, 'retry_count', OLD.retry_count),
            jsonb_build_object('socket_id', NEW.socket_id, 'project_id', NEW.project_id, 'event_type', NEW.event_type, 'event_name', NEW.event_name, 'delivery_status', NEW.delivery_status, 'retry_count', NEW.retry_count), NEW.id::text, NEW.project_id, NULL, NULL, NEW.socket_id);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_notification_history() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'notification_history', TG_OP, actor, jsonb_build_object('user_id', changed.user_id, 'session_id', changed.session_id, 'notification_type', changed.notification_type, 'service_type', changed.service_type, 'priority', changed.priority, 'status', changed.status, 'retry_count', changed.retry_count), changed.id::text, NULL, changed.user_id, NULL, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'notification_history', TG_OP, actor, jsonb_build_object('user_id', changed.user_id, 'session_id', changed.session_id, 'notification_type', changed.notification_type, 'service_type', changed.service_type, 'priority', changed.priority, 'status', changed.status, 'retry_count', changed.retry_count), changed.id::text, NULL, changed.user_id, NULL, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('notification_history', TG_OP, actor, jsonb_build_object('user_id', OLD.user_id, 'session_id', OLD.session_id, 'notification_type', OLD.notification_type, 'service_type', OLD.service_type, 'priority', OLD.priority, 'status', OLD.status, 'retry_count', OLD.retry_count),
            jsonb_build_object('user_id', NEW.user_id, 'session_id', NEW.session_id, 'notification_type', NEW.notification_type, 'service_type', NEW.service_type, 'priority', NEW.priority, 'status', NEW.status, 'retry_count', NEW.retry_count), NEW.id::text, NULL, NEW.user_id, NULL, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_projects() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'projects', TG_OP, actor, jsonb_build_object('name', changed.name, 'project_type', changed.project_type, 'status', changed.status, 'owner_id', changed.owner_id, 'is_public', changed.is_public, 'collaborators', changed.collaborators, 'max_parallel_cc', changed.max_parallel_cc), changed.id::text, changed.project_id, changed.owner_id, NULL, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'projects', TG_OP, actor, jsonb_build_object('name', changed.name, 'project_type', changed.project_type, 'status', changed.status, 'owner_id', changed.owner_id, 'is_public', changed.is_public, 'collaborators', changed.collaborators, 'max_parallel_cc', changed.max_parallel_cc), changed.id::text, changed.project_id, changed.owner_id, NULL, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('projects', TG_OP, actor, jsonb_build_object('name', OLD.name, 'project_type', OLD.project_type, 'status', OLD.status, 'owner_id', OLD.owner_id, 'is_public', OLD.is_public, 'collaborators', OLD.collaborators, 'max_parallel_cc', OLD.max_parallel_cc),
            jsonb_build_object('name', NEW.name, 'project_type', NEW.project_type, 'status', NEW.status, 'owner_id', NEW.owner_id, 'is_public', NEW.is_public, 'collaborators', NEW.collaborators, 'max_parallel_cc', NEW.max_parallel_cc), NEW.id::text, NEW.project_id, NEW.owner_id, NULL, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_feed_collaboration_participants() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := NULLIF(current_setting('ccgraph.actor_id', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'collaboration_participants', TG_OP, actor, jsonb_build_object('collaboration_session_id', changed.collaboration_session_id, 'user_id', changed.user_id, 'state', changed.state), changed.id::text, (SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id) JOIN projects ON projects.id = sessions.project_id WHERE collaboration_sessions.id = changed.collaboration_session_id), changed.user_id, NULL, NULL
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'collaboration_participants', TG_OP, actor, jsonb_build_object('collaboration_session_id', changed.collaboration_session_id, 'user_id', changed.user_id, 'state', changed.state), changed.id::text, (SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id) JOIN projects ON projects.id = sessions.project_id WHERE collaboration_sessions.id = changed.collaboration_session_id), changed.user_id, NULL, NULL
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
        VALUES ('collaboration_participants', TG_OP, actor, jsonb_build_object('collaboration_session_id', OLD.collaboration_session_id, 'user_id', OLD.user_id, 'state', OLD.state),
            jsonb_build_object('collaboration_session_id', NEW.collaboration_session_id, 'user_id', NEW.user_id, 'state', NEW.state), NEW.id::text, (SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id) JOIN projects ON projects.id = sessions.project_id WHERE collaboration_sessions.id = NEW.collaboration_session_id), NEW.user_id, NULL, NULL);
    END IF;
    RETURN NULL;
END
$$
""",
)

FEED_TRIGGERS = (
    "CREATE TRIGGER tr_cc_instances_feed AFTER INSERT ON cc_instances REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_cc_instances()",
    "CREATE TRIGGER tr_cc_instances_feed_delete AFTER DELETE ON cc_instances REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_cc_instances()",
    "CREATE TRIGGER tr_cc_instances_feed_update AFTER UPDATE ON cc_instances FOR EACH ROW WHEN ((OLD.project_id, OLD.name, OLD.type, OLD.status, OLD.parent_instance_id, OLD.exit_code) IS DISTINCT FROM (NEW.project_id, NEW.name, NEW.type, NEW.status, NEW.parent_instance_id, NEW.exit_code)) EXECUTE FUNCTION ccgraph_feed_cc_instances()",
    "CREATE TRIGGER tr_tasks_feed AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_tasks()",
    "CREATE TRIGGER tr_tasks_feed_delete AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_tasks()",
    "CREATE TRIGGER tr_tasks_feed_update AFTER UPDATE ON tasks FOR EACH ROW WHEN ((OLD.project_id, OLD.parent_task_id, OLD.name, OLD.status, OLD.priority, OLD.task_type, OLD.assigned_to) IS DISTINCT FROM (NEW.project_id, NEW.parent_task_id, NEW.name, NEW.status, NEW.priority, NEW.task_type, NEW.assigned_to)) EXECUTE FUNCTION ccgraph_feed_tasks()",
    "CREATE TRIGGER tr_sessions_feed AFTER INSERT ON sessions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_sessions()",
    "CREATE TRIGGER tr_sessions_feed_delete AFTER DELETE ON sessions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_sessions()",
    "CREATE TRIGGER tr_sessions_feed_update AFTER UPDATE ON sessions FOR EACH ROW WHEN ((OLD.session_id, OLD.user_id, OLD.project_id, OLD.worktree_id, OLD.name, OLD.status) IS DISTINCT FROM (NEW.session_id, NEW.user_id, NEW.project_id, NEW.worktree_id, NEW.name, NEW.status)) EXECUTE FUNCTION ccgraph_feed_sessions()",
    "CREATE TRIGGER tr_worktrees_feed AFTER INSERT ON worktrees REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_worktrees()",
    "CREATE TRIGGER tr_worktrees_feed_delete AFTER DELETE ON worktrees REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_worktrees()",
    "CREATE TRIGGER tr_worktrees_feed_update AFTER UPDATE ON worktrees FOR EACH ROW WHEN ((OLD.user_id, OLD.project_id, OLD.branch_name, OLD.commit_hash, OLD.status, OLD.sync_status, OLD.uncommitted_changes) IS DISTINCT FROM (NEW.user_id, NEW.project_id, NEW.branch_name, NEW.commit_hash, NEW.status, NEW.sync_status, NEW.uncommitted_changes)) EXECUTE FUNCTION ccgraph_feed_worktrees()",
    "CREATE TRIGGER tr_ultrathink_messages_feed AFTER INSERT ON ultrathink_messages REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_ultrathink_messages()",
    "CREATE TRIGGER tr_ultrathink_messages_feed_delete AFTER DELETE ON ultrathink_messages REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_ultrathink_messages()",
    "CREATE TRIGGER tr_ultrathink_messages_feed_update AFTER UPDATE ON ultrathink_messages FOR EACH ROW WHEN ((OLD.instruction_type, OLD.status) IS DISTINCT FROM (NEW.instruction_type, NEW.status)) EXECUTE FUNCTION ccgraph_feed_ultrathink_messages()",
    "CREATE TRIGGER tr_mcp_tool_calls_feed AFTER INSERT ON mcp_tool_calls REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_mcp_tool_calls()",
    "CREATE TRIGGER tr_mcp_tool_calls_feed_delete AFTER DELETE ON mcp_tool_calls REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_mcp_tool_calls()",
    "CREATE TRIGGER tr_mcp_tool_calls_feed_update AFTER UPDATE ON mcp_tool_calls FOR EACH ROW WHEN ((OLD.tool_name, OLD.status) IS DISTINCT FROM (NEW.tool_name, NEW.status)) EXECUTE FUNCTION ccgraph_feed_mcp_tool_calls()",
    "CREATE TRIGGER tr_websocket_notifications_feed AFTER INSERT ON websocket_notifications REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_websocket_notifications()",
    "CREATE TRIGGER tr_websocket_notifications_feed_delete AFTER DELETE ON websocket_notifications REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_websocket_notifications()",
    "CREATE TRIGGER tr_websocket_notifications_feed_update AFTER UPDATE ON websocket_notifications FOR EACH ROW WHEN ((OLD.socket_id, OLD.project_id, OLD.event_type, OLD.event_name, OLD.delivery_status, OLD.retry_count) IS DISTINCT FROM (NEW.socket_id, NEW.project_id, NEW.event_type, NEW.event_name, NEW.delivery_status, NEW.retry_count)) EXECUTE FUNCTION ccgraph_feed_websocket_notifications()",
    "CREATE TRIGGER tr_notification_history_feed AFTER INSERT ON notification_history REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_notification_history()",
    "CREATE TRIGGER tr_notification_history_feed_update AFTER UPDATE ON notification_history FOR EACH ROW WHEN ((OLD.user_id, OLD.session_id, OLD.notification_type, OLD.service_type, OLD.priority, OLD.status, OLD.retry_count) IS DISTINCT FROM (NEW.user_id, NEW.session_id, NEW.notification_type, NEW.service_type, NEW.priority, NEW.status, NEW.retry_count)) EXECUTE FUNCTION ccgraph_feed_notification_history()",
    "CREATE TRIGGER tr_projects_feed AFTER INSERT ON projects REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_projects()",
    "CREATE TRIGGER tr_projects_feed_delete AFTER DELETE ON projects REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_projects()",
    "CREATE TRIGGER tr_projects_feed_update AFTER UPDATE ON projects FOR EACH ROW WHEN ((OLD.name, OLD.project_type, OLD.status, OLD.owner_id, OLD.is_public, OLD.collaborators, OLD.max_parallel_cc) IS DISTINCT FROM (NEW.name, NEW.project_type, NEW.status, NEW.owner_id, NEW.is_public, NEW.collaborators, NEW.max_parallel_cc)) EXECUTE FUNCTION ccgraph_feed_projects()",
    "CREATE TRIGGER tr_collaboration_participants_feed AFTER INSERT ON collaboration_participants REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_collaboration_participants()",
    "CREATE TRIGGER tr_collaboration_participants_feed_delete AFTER DELETE ON collaboration_participants REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_collaboration_participants()",
    "CREATE TRIGGER tr_collaboration_participants_feed_update AFTER UPDATE ON collaboration_participants FOR EACH ROW WHEN ((OLD.collaboration_session_id, OLD.user_id, OLD.state) IS DISTINCT FROM (NEW.collaboration_session_id, NEW.user_id, NEW.state)) EXECUTE FUNCTION ccgraph_feed_collaboration_participants()",
)

VIEWS = (
    """
CREATE OR REPLACE VIEW mcp_message_stats AS
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS date,
    method,
    COUNT(*) AS message_count,
    AVG(processing_time_ms) AS avg_processing_time_ms,
    SUM(CASE WHEN error IS NULL THEN 1 ELSE 0 END) AS successful_calls
FROM mcp_messages
GROUP BY (created_at AT TIME ZONE 'UTC')::date, method
""",
    """
CREATE OR REPLACE VIEW task_execution_efficiency AS
SELECT
    project_id,
    COUNT(*) AS total_tasks,
    AVG(actual_duration_minutes) AS avg_duration,
    SUM(CASE WHEN status = 'COMPLETED' THEN 1 ELSE 0 END) AS completed_tasks,
    CAST(SUM(CASE WHEN status = 'COMPLETED' THEN 1 ELSE 0 END) AS FLOAT) / COUNT(*) * 100 AS completion_rate
FROM tasks
GROUP BY project_id
""",
    """
CREATE OR REPLACE VIEW parallel_execution_stats AS
SELECT
    (started_at AT TIME ZONE 'UTC')::date AS date,
    COUNT(DISTINCT assigned_to) AS concurrent_instances,
    COUNT(*) AS total_tasks,
    AVG(actual_duration_minutes) AS avg_duration,
    MIN(actual_duration_minutes) AS min_duration,
    MAX(actual_duration_minutes) AS max_duration
FROM tasks
WHERE status = 'COMPLETED' AND started_at IS NOT NULL
GROUP BY (started_at AT TIME ZONE 'UTC')::date
""",
    """
CREATE OR REPLACE VIEW active_cc_instances AS
SELECT
    cc.id,
    cc.project_id,
    cc.type,
    cc.status,
    cc.created_at,
    cc.last_heartbeat,
    cc.name AS cc_instance_name,
    parent.name AS parent_instance_name
FROM cc_instances cc
LEFT JOIN cc_instances parent ON cc.parent_instance_id = parent.id
WHERE cc.status IN ('IDLE', 'RUNNING')
ORDER BY cc.last_heartbeat DESC
""",
    """
CREATE OR REPLACE VIEW error_summary AS
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS date,
    category,
    log_level,
    COUNT(*) AS error_count
FROM cc_logs
WHERE log_level IN ('error', 'fatal')
GROUP BY (created_at AT TIME ZONE 'UTC')::date, category, log_level
ORDER BY date DESC, error_count DESC
""",
    """
CREATE OR REPLACE VIEW readonly_project_stats AS
SELECT
    project_id AS id,
    name,
    status,
    created_at,
    (SELECT COUNT(*) FROM tasks WHERE tasks.project_id = projects.project_id) AS task_count
FROM projects
""",
)

VIEW_COMMENTS = (
    "COMMENT ON VIEW mcp_message_stats IS 'MCP メッセージ統計ビュー'",
    "COMMENT ON COLUMN mcp_message_stats.date IS '日付'",
    "COMMENT ON COLUMN mcp_message_stats.method IS 'MCPメソッド名'",
    "COMMENT ON COLUMN mcp_message_stats.message_count IS 'メッセージ数'",
    "COMMENT ON COLUMN mcp_message_stats.avg_processing_time_ms IS '平均処理時間（ミリ秒）'",
    "COMMENT ON COLUMN mcp_message_stats.successful_calls IS '成功数'",
    "COMMENT ON VIEW task_execution_efficiency IS 'タスク実行効率ビュー'",
    "COMMENT ON COLUMN task_execution_efficiency.project_id IS 'プロジェクトID'",
    "COMMENT ON COLUMN task_execution_efficiency.total_tasks IS 'タスク総数'",
    "COMMENT ON COLUMN task_execution_efficiency.avg_duration IS '平均実行時間（分）'",
    "COMMENT ON COLUMN task_execution_efficiency.completed_tasks IS '完了タスク数'",
    "COMMENT ON COLUMN task_execution_efficiency.completion_rate IS '完了率（%）'",
    "COMMENT ON VIEW parallel_execution_stats IS '並列実行統計ビュー'",
    "COMMENT ON COLUMN parallel_execution_stats.date IS '日付'",
    "COMMENT ON COLUMN parallel_execution_stats.concurrent_instances IS '並列インスタンス数'",
    "COMMENT ON COLUMN parallel_execution_stats.total_tasks IS 'タスク総数'",
    "COMMENT ON COLUMN parallel_execution_stats.avg_duration IS '平均実行時間（分）'",
    "COMMENT ON COLUMN parallel_execution_stats.min_duration IS '最短実行時間（分）'",
    "COMMENT ON COLUMN parallel_execution_stats.max_duration IS '最長実行時間（分）'",
    "COMMENT ON VIEW active_cc_instances IS 'アクティブCCインスタンス監視'",
    "COMMENT ON COLUMN active_cc_instances.id IS 'インスタンスID'",
    "COMMENT ON COLUMN active_cc_instances.project_id IS 'プロジェクトID'",
    "COMMENT ON COLUMN active_cc_instances.type IS 'タイプ (PARENT/CHILD)'",
    "COMMENT ON COLUMN active_cc_instances.status IS 'ステータス (IDLE/RUNNING)'",
    "COMMENT ON COLUMN active_cc_instances.created_at IS 'インスタンス作成時刻'",
    "COMMENT ON COLUMN active_cc_instances.last_heartbeat IS '最終生存確認時刻'",
    "COMMENT ON COLUMN active_cc_instances.cc_instance_name IS 'インスタンス名'",
    "COMMENT ON COLUMN active_cc_instances.parent_instance_name IS '親インスタンス名'",
    "COMMENT ON VIEW error_summary IS 'エラー統計'",
    "COMMENT ON COLUMN error_summary.date IS '日付'",
    "COMMENT ON COLUMN error_summary.category IS 'カテゴリ'",
    "COMMENT ON COLUMN error_summary.log_level IS 'ログレベル'",
    "COMMENT ON COLUMN error_summary.error_count IS 'エラー数'",
    "COMMENT ON VIEW readonly_project_stats IS '読み取り専用ユーザー用ビュー'",
    "COMMENT ON COLUMN readonly_project_stats.id IS 'プロジェクトID (UUID)'",
    "COMMENT ON COLUMN readonly_project_stats.name IS 'プロジェクト名'",
    "COMMENT ON COLUMN readonly_project_stats.status IS 'ステータス'",
    "COMMENT ON COLUMN readonly_project_stats.created_at IS '作成日時'",
    "COMMENT ON COLUMN readonly_project_stats.task_count IS 'タスク数'",
)


def upgrade() -> None:
    """Make the default partitions, the functions with their triggers, the coming partitions and the views."""
    for table, threshold in PARTITIONED:
        op.execute(
            f"CREATE TABLE {table}_default (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) "
            f"WITH (autovacuum_vacuum_threshold = {threshold}, autovacuum_analyze_threshold = {threshold // 2})"
        )
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT")
        op.execute(
            f"DO $$ BEGIN EXECUTE format('COMMENT ON TABLE {table}_default IS %L', "
            f"obj_description('{table}'::regclass, 'pg_class')); END $$"
        )
    for statement in (*FUNCTIONS, *TRIGGERS, *FEED_FUNCTIONS, *FEED_TRIGGERS, *VIEWS, *VIEW_COMMENTS):
        op.execute(statement)
    for key, figure, description in RETENTION:
        op.execute(
            "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description) "
            f"VALUES ('retention.{key}', '{figure}', 'number', 'retention', '{description}')"
        )
    op.execute("INSERT INTO feed_state DEFAULT VALUES")
    op.execute("SELECT ccgraph_create_partitions()")


def downgrade() -> None:
    """Drop what the upgrade made; rows of partitioned tables go with their partitions."""
    for statement in reversed(VIEWS):
        op.execute("DROP VIEW " + found(r"VIEW (\w+)", statement))
    for statement in reversed((*TRIGGERS, *FEED_TRIGGERS)):
        op.execute("DROP TRIGGER {} ON {}".format(*re.findall(r"TRIGGER (\w+) .*? ON (\w+)", statement)[0]))
    for statement in reversed((*FUNCTIONS, *FEED_FUNCTIONS)):
        op.execute("DROP FUNCTION " + found(r"FUNCTION (\w+)", statement))
    op.execute("DELETE FROM system_settings WHERE setting_key LIKE 'retention.%'")
    op.execute("DELETE FROM feed_state")
    for table, _ in PARTITIONED:
        op.execute(
            "DO $$ DECLARE partition regclass; BEGIN "
            f"FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = '{table}'::regclass "
            "LOOP EXECUTE format('DROP TABLE %s', partition); END LOOP; END $$"
        )


def found(pattern: str, statement: str) -> str:
    """The name that a statement gives to what it makes."""
    match = re.search(pattern, statement)
    if match is None:
        raise ValueError(f"no name in {statement!r}")
    return match[1]
