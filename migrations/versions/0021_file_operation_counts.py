"""Counts file operations as they come and go, so that totals need not count millions of rows."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE file_operation_counts (
    session_id uuid NOT NULL,
    operation_type character varying(20) NOT NULL,
    operations bigint NOT NULL
)
"""
COMMENTS = {
    "TABLE file_operation_counts": "ファイル操作数の集計",
    "COLUMN file_operation_counts.session_id": "セッションID",
    "COLUMN file_operation_counts.operation_type": "操作種別",
    "COLUMN file_operation_counts.operations": "操作数の増減",
}
INDEX = """
CREATE INDEX idx_file_operation_counts ON file_operation_counts (session_id, operation_type)
INCLUDE (operations)
"""

COUNT = """
CREATE OR REPLACE FUNCTION ccgraph_count_file_operations() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM file_operation_counts;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, count(*) FROM new_rows GROUP BY session_id, operation_type;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, -count(*) FROM old_rows GROUP BY session_id, operation_type;
    ELSE
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, sum(step) FROM (
            SELECT session_id, operation_type, 1 AS step FROM new_rows
            UNION ALL SELECT session_id, operation_type, -1 FROM old_rows
        ) AS steps
        GROUP BY session_id, operation_type HAVING sum(step) <> 0;
    END IF;
    RETURN NULL;
END
$$
"""

SUM_UP = """
CREATE OR REPLACE FUNCTION ccgraph_sum_up_file_operations() RETURNS void
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM file_operation_counts WHERE (session_id, operation_type) IN (
            SELECT session_id, operation_type FROM file_operation_counts
            GROUP BY session_id, operation_type HAVING count(*) > 1 OR sum(operations) = 0)
        RETURNING session_id, operation_type, operations
    )
    INSERT INTO file_operation_counts (session_id, operation_type, operations)
    SELECT session_id, operation_type, sum(operations) FROM gone
    GROUP BY session_id, operation_type HAVING sum(operations) <> 0
$$
"""

TRIGGERS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}

FILL = """
INSERT INTO file_operation_counts (session_id, operation_type, operations)
SELECT session_id, operation_type, count(*) FROM file_operations GROUP BY session_id, operation_type
"""

DROP_PARTITIONS = """
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
                pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \\(''(.*)''\\)') AS high
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
        IF expired.parent = 'file_operations' THEN
            -- In the order in which writers lock, and DROP would.
            LOCK TABLE ONLY file_operations IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', expired.name);
            EXECUTE format(
                'INSERT INTO file_operation_counts (session_id, operation_type, operations) '
                'SELECT session_id, operation_type, -count(*) FROM %I GROUP BY session_id, operation_type',
                expired.name);
        END IF;
        EXECUTE format('DROP TABLE %I', expired.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$
"""

CLEANUP = """
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
    PERFORM ccgraph_sum_up_file_operations();
    ANALYZE cc_logs, task_logs, system_logs, notification_history, file_operations, auth_tokens, mcp_messages,
        file_operation_counts;
    -- Last, for it locks whole tables until the end of the transaction.
    BEGIN
        PERFORM ccgraph_drop_partitions();
    EXCEPTION WHEN lock_not_available THEN
        RAISE LOG 'partitions are in use and will be dropped the next time';
    END;
END
$$
"""

PREVIOUS_DROP_PARTITIONS = """
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
                pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \\(''(.*)''\\)') AS high
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
"""

PREVIOUS_CLEANUP = """
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
"""


def upgrade() -> None:
    """Make the counts and keep them."""
    op.execute("LOCK TABLE file_operations IN SHARE ROW EXCLUSIVE MODE")
    op.execute(TABLE)
    for name, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {name} IS '{comment}'")
    for statement in (COUNT, SUM_UP):
        op.execute(statement)
    for event, rows in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER tr_file_operations_counts_{event.lower()} AFTER {event} ON file_operations "
            f"{rows} FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_count_file_operations()"
        )
    for statement in (FILL, INDEX, DROP_PARTITIONS, CLEANUP):
        op.execute(statement)


def downgrade() -> None:
    """Drop the counts, and what keeps them."""
    for statement in (PREVIOUS_DROP_PARTITIONS, PREVIOUS_CLEANUP):
        op.execute(statement)
    for event in TRIGGERS:
        op.execute(f"DROP TRIGGER tr_file_operations_counts_{event.lower()} ON file_operations")
    op.execute("DROP FUNCTION ccgraph_count_file_operations()")
    op.execute("DROP FUNCTION ccgraph_sum_up_file_operations()")
    op.execute("DROP TABLE file_operation_counts")
