"""The feed's state: from where on its events and the logs are complete, and when all cursors end."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE = (
    """
    CREATE TABLE feed_state (
        id BOOLEAN DEFAULT true NOT NULL,
        epoch UUID DEFAULT gen_random_uuid() NOT NULL,
        floor xid8 DEFAULT '0' NOT NULL,
        CONSTRAINT feed_state_pkey PRIMARY KEY (id),
        CONSTRAINT chk_feed_state_single CHECK (id)
    )
    """,
    "COMMENT ON TABLE feed_state IS '変更フィードの状態'",
    "COMMENT ON COLUMN feed_state.id IS '基本キー'",
    "COMMENT ON COLUMN feed_state.epoch IS 'フィードの世代 (UUID)'",
    "COMMENT ON COLUMN feed_state.floor IS '削除済みイベントの最大トランザクションID'",
    "INSERT INTO feed_state DEFAULT VALUES",
)

FUNCTIONS = (
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
    """
CREATE OR REPLACE FUNCTION ccgraph_raise_feed_floor(leaving xid8) RETURNS void
LANGUAGE sql AS $$
    UPDATE feed_state SET floor = leaving WHERE floor < leaving
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
    PERFORM ccgraph_drop_partitions();
    -- What is left of the month in which retention ends, and of the default partitions.
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
END
$$
""",
)

EARLIER_FUNCTIONS = (
    r"""
CREATE OR REPLACE FUNCTION ccgraph_drop_partitions() RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    expired record;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ccgraph partitions'));
    FOR expired IN
        SELECT partition.relname AS name
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
BEGIN
    -- Another process is at it already: nothing is left to do.
    IF NOT pg_try_advisory_xact_lock(hashtext('ccgraph cleanup')) THEN
        RETURN;
    END IF;
    PERFORM ccgraph_drop_partitions();
    -- What is left of the month in which retention ends, and of the default partitions.
    DELETE FROM cc_logs
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.cc_logs_days');
    DELETE FROM task_logs
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.task_logs_days');
    DELETE FROM system_logs
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.system_logs_days');
    DELETE FROM notification_history
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.notification_history_days');
    DELETE FROM file_operations
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.file_operations_days');
    DELETE FROM change_events
        WHERE at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.change_events_days');
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
END
$$
""",
)


def upgrade() -> None:
    """Make the table, and let the removal of old rows keep it."""
    for statement in (*TABLE, *FUNCTIONS):
        op.execute(statement)


def downgrade() -> None:
    """Put the earlier functions back and drop the table."""
    for statement in EARLIER_FUNCTIONS:
        op.execute(statement)
    op.execute("DROP FUNCTION ccgraph_renew_feed")
    op.execute("DROP FUNCTION ccgraph_raise_feed_floor")
    op.execute("DROP TABLE feed_state")
