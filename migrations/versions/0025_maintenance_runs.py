"""Notes the runs of maintenance, lets partitions be made and dropped one at a time, and shows the system's health."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

CREATE_PARTITION = """
CREATE OR REPLACE FUNCTION ccgraph_create_partition(
    parent text, partition text, low timestamptz, high timestamptz
) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    leftover CONSTANT text := parent || '_default';
    time_column CONSTANT text := CASE parent WHEN 'change_events' THEN 'at' ELSE 'created_at' END;
    threshold CONSTANT integer :=
        CASE WHEN parent IN ('notification_history', 'file_operations') THEN 500 ELSE 1000 END;
    strayed boolean;
    searched regclass;
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
    FOR searched IN
        SELECT indexrelid FROM pg_index
        WHERE indrelid = quote_ident(partition)::regclass
            AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
    LOOP
        EXECUTE format('ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS 0', searched);
    END LOOP;
    RETURN true;
END
$$
"""

PLANNED_PARTITIONS = """
CREATE OR REPLACE FUNCTION ccgraph_planned_partitions(
    at timestamptz, months_ahead integer, days_ahead integer
) RETURNS TABLE (parent text, name text, low timestamptz, high timestamptz)
LANGUAGE sql STABLE AS $$
    WITH today AS (SELECT date_trunc('day', at AT TIME ZONE 'UTC') AS day)
    SELECT parent, parent || to_char(start, '_YYYY_MM'),
        start AT TIME ZONE 'UTC', (start + INTERVAL '1 month') AT TIME ZONE 'UTC'
    FROM today,
        unnest(ARRAY['cc_logs', 'task_logs', 'system_logs', 'notification_history', 'file_operations'])
            AS parent,
        date_trunc('month', day) AS month,
        generate_series(month, month + months_ahead * INTERVAL '1 month', INTERVAL '1 month') AS start
    UNION ALL
    SELECT 'change_events', 'change_events' || to_char(start, '_YYYY_MM_DD'),
        start AT TIME ZONE 'UTC', (start + INTERVAL '1 day') AT TIME ZONE 'UTC'
    FROM today, generate_series(day, day + days_ahead * INTERVAL '1 day', INTERVAL '1 day') AS start
    ORDER BY 2
$$
"""

CREATE_PARTITIONS = """
CREATE OR REPLACE FUNCTION ccgraph_create_partitions(
    months_ahead integer DEFAULT 2, days_ahead integer DEFAULT 3
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    planned record;
    created integer := 0;
BEGIN
    -- Two processes at once: the second waits, then finds everything there.
    PERFORM pg_advisory_xact_lock(hashtext('ccgraph partitions'));
    FOR planned IN SELECT * FROM ccgraph_planned_partitions(NOW(), months_ahead, days_ahead) LOOP
        IF ccgraph_create_partition(planned.parent, planned.name, planned.low, planned.high) THEN
            created := created + 1;
        END IF;
    END LOOP;
    RETURN created;
END
$$
"""

EXPIRED_PARTITIONS = r"""
CREATE OR REPLACE FUNCTION ccgraph_expired_partitions(at timestamptz)
RETURNS TABLE (parent text, name text, until_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT parent.relname::text, partition.relname::text, high::timestamptz
    FROM pg_inherits
        JOIN pg_class AS parent ON parent.oid = inhparent
        JOIN pg_class AS partition ON partition.oid = inhrelid,
        LATERAL substring(
            pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \(''(.*)''\)') AS high
    WHERE parent.oid IN (
            'cc_logs'::regclass, 'task_logs'::regclass, 'system_logs'::regclass,
            'notification_history'::regclass, 'file_operations'::regclass, 'change_events'::regclass)
        AND high::timestamptz
            <= at - INTERVAL '1 day' * ccgraph_setting('retention.' || parent.relname || '_days')
    ORDER BY partition.relname
$$
"""

DROP_PARTITION = """
CREATE OR REPLACE FUNCTION ccgraph_drop_partition(parent text, name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- In the order in which writers lock: they know the whole table first.
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
    IF parent IN ('change_events', 'cc_logs', 'task_logs', 'system_logs') THEN
        EXECUTE format(
            'SELECT ccgraph_raise_feed_floor((SELECT xid FROM %I ORDER BY xid DESC LIMIT 1))', name);
    END IF;
    IF parent = 'file_operations' THEN
        EXECUTE format(
            'INSERT INTO file_operation_counts (session_id, operation_type, operations) '
            'SELECT session_id, operation_type, -count(*) FROM %I GROUP BY session_id, operation_type', name);
    END IF;
    EXECUTE format('DROP TABLE %I', name);
END
$$
"""

DROP_PARTITIONS = """
CREATE OR REPLACE FUNCTION ccgraph_drop_partitions() RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    expired record;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ccgraph partitions'));
    FOR expired IN SELECT * FROM ccgraph_expired_partitions(NOW()) LOOP
        PERFORM ccgraph_drop_partition(expired.parent, expired.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$
"""

PREVIOUS_CREATE_PARTITION = """
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
    searched regclass;
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
    FOR searched IN
        SELECT indexrelid FROM pg_index
        WHERE indrelid = quote_ident(partition)::regclass
            AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
    LOOP
        EXECUTE format('ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS 0', searched);
    END LOOP;
    RETURN true;
END
$$
"""

PREVIOUS_CREATE_PARTITIONS = """
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
"""

PREVIOUS_DROP_PARTITIONS = r"""
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

VIEWS = {
    "system_health": """
CREATE OR REPLACE VIEW system_health AS
SELECT
    1 AS id,
    now() AS measured_at,
    pg_database_size(current_database()) AS database_bytes,
    (SELECT COUNT(*)::integer FROM pg_stat_activity WHERE datname = current_database()) AS connection_count,
    (SELECT COUNT(*)::integer FROM pg_stat_replication) AS replica_count,
    CASE
        WHEN NOT pg_is_in_recovery() THEN (
            SELECT MAX(EXTRACT(EPOCH FROM COALESCE(replay_lag, INTERVAL '0'))) FROM pg_stat_replication
            WHERE replay_lsn IS NOT NULL)
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::double precision AS replication_lag_seconds,
    (SELECT id FROM maintenance_runs ORDER BY started_at DESC LIMIT 1) AS last_maintenance_id,
    (SELECT id FROM backup_runs WHERE status = 'completed' AND removed_at IS NULL
        ORDER BY started_at DESC LIMIT 1) AS last_backup_id
""",
    "table_sizes": """
CREATE OR REPLACE VIEW table_sizes AS
SELECT
    whole.relname::text AS table_name,
    1 AS health_id,
    SUM(pg_total_relation_size(part.oid))::bigint AS total_bytes,
    SUM(pg_indexes_size(part.oid))::bigint AS index_bytes,
    SUM(GREATEST(part.reltuples, 0))::bigint AS estimated_rows,
    COUNT(*) FILTER (WHERE part.relispartition)::integer AS partition_count
FROM pg_class AS whole
    LEFT JOIN pg_inherits ON inhparent = whole.oid
    JOIN pg_class AS part ON part.oid = COALESCE(inhrelid, whole.oid)
WHERE whole.relnamespace = 'public'::regnamespace AND whole.relkind IN ('r', 'p') AND NOT whole.relispartition
GROUP BY whole.oid, whole.relname
""",
    "table_partitions": r"""
CREATE OR REPLACE VIEW table_partitions AS
SELECT
    part.relname::text AS partition_name,
    1 AS health_id,
    whole.relname::text AS table_name,
    substring(bound FROM 'FROM \(''([^'']*)''\)')::timestamptz AS from_at,
    substring(bound FROM 'TO \(''([^'']*)''\)')::timestamptz AS until_at,
    pg_total_relation_size(part.oid) AS total_bytes,
    GREATEST(part.reltuples, 0)::bigint AS estimated_rows
FROM pg_inherits
    JOIN pg_class AS whole ON whole.oid = inhparent
    JOIN pg_class AS part ON part.oid = inhrelid,
    LATERAL pg_get_expr(part.relpartbound, part.oid) AS bound
WHERE whole.relnamespace = 'public'::regnamespace AND whole.relkind = 'p' AND part.relkind = 'r'
""",
    "system_queues": """
CREATE OR REPLACE VIEW system_queues AS
SELECT
    'notifications'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    (SELECT COUNT(*) FROM (SELECT FROM notification_history WHERE status = 'failed' AND created_at > now() - INTERVAL '1 day' LIMIT 10000) AS failed) AS failed,
    MIN(since) AS oldest_at
FROM (SELECT COALESCE(scheduled_at, created_at) AS since FROM notification_history WHERE status = 'pending' AND COALESCE(scheduled_at, created_at) <= now() LIMIT 10000) AS waiting
UNION ALL
SELECT
    'websocket_notifications'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    (SELECT COUNT(*) FROM (SELECT FROM websocket_notifications WHERE delivery_status = 'failed' AND sent_at > now() - INTERVAL '1 day' LIMIT 10000) AS failed) AS failed,
    MIN(since) AS oldest_at
FROM (SELECT sent_at AS since FROM websocket_notifications WHERE delivery_status = 'sent' AND first_sent_at IS NOT NULL LIMIT 10000) AS waiting
UNION ALL
SELECT
    'feed'::text AS queue_name,
    1 AS health_id,
    SUM(GREATEST(reltuples, 0))::bigint AS waiting,
    NULL::bigint AS failed,
    NULL::timestamptz AS oldest_at
FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE inhparent = 'change_events'::regclass
UNION ALL
SELECT
    'expired_partitions'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    NULL::bigint AS failed,
    MIN(since) AS oldest_at
FROM (SELECT until_at AS since FROM ccgraph_expired_partitions(now()) LIMIT 10000) AS waiting
UNION ALL
SELECT
    'archiving'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    NULL::bigint AS failed,
    MIN(since) AS oldest_at
FROM (SELECT archived_at AS since FROM projects WHERE status = 'archived' AND archived_at < now() - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days') LIMIT 10000) AS waiting
UNION ALL
SELECT
    'worktree_cleanup'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    NULL::bigint AS failed,
    MIN(since) AS oldest_at
FROM (SELECT cleanup_scheduled_at AS since FROM git_worktrees WHERE cleanup_scheduled_at <= now() AND cleanup_completed_at IS NULL LIMIT 10000) AS waiting
UNION ALL
SELECT
    'expired_claims'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    NULL::bigint AS failed,
    MIN(since) AS oldest_at
FROM (SELECT lease_expires_at AS since FROM tasks WHERE status = 'RUNNING' AND lease_expires_at < now() LIMIT 10000) AS waiting
""",
}

COMMENTS = (
    "COMMENT ON VIEW system_health IS 'システム健全性'",
    "COMMENT ON COLUMN system_health.id IS '基本キー'",
    "COMMENT ON COLUMN system_health.measured_at IS '測定日時'",
    "COMMENT ON COLUMN system_health.database_bytes IS 'データベースサイズ (バイト)'",
    "COMMENT ON COLUMN system_health.connection_count IS '接続数'",
    "COMMENT ON COLUMN system_health.replica_count IS 'レプリカ数'",
    "COMMENT ON COLUMN system_health.replication_lag_seconds IS 'レプリケーション遅延 (秒)'",
    "COMMENT ON COLUMN system_health.last_maintenance_id IS '最新メンテナンスID'",
    "COMMENT ON COLUMN system_health.last_backup_id IS '最新バックアップID'",
    "COMMENT ON VIEW table_sizes IS 'テーブルサイズ'",
    "COMMENT ON COLUMN table_sizes.table_name IS 'テーブル名'",
    "COMMENT ON COLUMN table_sizes.health_id IS 'システム健全性の基本キー'",
    "COMMENT ON COLUMN table_sizes.total_bytes IS '合計サイズ (バイト)'",
    "COMMENT ON COLUMN table_sizes.index_bytes IS 'インデックスサイズ (バイト)'",
    "COMMENT ON COLUMN table_sizes.estimated_rows IS '推定行数'",
    "COMMENT ON COLUMN table_sizes.partition_count IS 'パーティション数'",
    "COMMENT ON VIEW table_partitions IS 'テーブルパーティション'",
    "COMMENT ON COLUMN table_partitions.partition_name IS 'パーティション名'",
    "COMMENT ON COLUMN table_partitions.health_id IS 'システム健全性の基本キー'",
    "COMMENT ON COLUMN table_partitions.table_name IS 'テーブル名'",
    "COMMENT ON COLUMN table_partitions.from_at IS '開始日時'",
    "COMMENT ON COLUMN table_partitions.until_at IS '終了日時'",
    "COMMENT ON COLUMN table_partitions.total_bytes IS '合計サイズ (バイト)'",
    "COMMENT ON COLUMN table_partitions.estimated_rows IS '推定行数'",
    "COMMENT ON VIEW system_queues IS 'システムキュー'",
    "COMMENT ON COLUMN system_queues.queue_name IS 'キュー名'",
    "COMMENT ON COLUMN system_queues.health_id IS 'システム健全性の基本キー'",
    "COMMENT ON COLUMN system_queues.waiting IS '待ち件数'",
    "COMMENT ON COLUMN system_queues.failed IS '失敗件数'",
    "COMMENT ON COLUMN system_queues.oldest_at IS '最古の待ち日時'",
)

RETENTION = (
    ("websocket_sessions_days", 90, "Days after which a connection that has ended is forgotten"),
    ("maintenance_runs_days", 90, "Days after which a run of maintenance is forgotten"),
)


def upgrade() -> None:
    """Make the table, the functions, the views and the figures."""
    op.create_table(
        "maintenance_runs",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("ccgraph_uuid7()"),
            nullable=False,
            comment="実行ID (UUID)",
        ),
        sa.Column("origin", sa.Text(), nullable=False, comment="起動元 (schedule/command)"),
        sa.Column("status", sa.Text(), nullable=False, comment="状態 (running/completed/failed/interrupted)"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="開始日時",
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), comment="終了日時"),
        sa.Column(
            "failed_steps",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="失敗したステップ数",
        ),
        sa.Column(
            "steps",
            JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="ステップごとの結果 (JSON)",
        ),
        sa.PrimaryKeyConstraint("id", name="maintenance_runs_pkey"),
        sa.CheckConstraint("origin IN ('schedule', 'command')", name="chk_maintenance_runs_origin"),
        sa.CheckConstraint(
            "status IN ('running', 'completed', 'failed', 'interrupted')", name="chk_maintenance_runs_status"
        ),
        sa.CheckConstraint("steps <> 'null'::jsonb", name="chk_maintenance_runs_steps"),
        comment="メンテナンス実行履歴",
    )
    op.create_index("idx_maintenance_runs_started", "maintenance_runs", ["started_at"])
    for statement in (
        *(CREATE_PARTITION, PLANNED_PARTITIONS, CREATE_PARTITIONS),
        *(EXPIRED_PARTITIONS, DROP_PARTITION, DROP_PARTITIONS),
        *VIEWS.values(),
        *COMMENTS,
    ):
        op.execute(statement)
    for key, figure, description in RETENTION:
        op.execute(
            "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description) "
            f"VALUES ('retention.{key}', '{figure}', 'number', 'maintenance', '{description}')"
        )


def downgrade() -> None:
    """Take all of it back; what maintenance did stays done."""
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    for statement in (PREVIOUS_CREATE_PARTITION, PREVIOUS_CREATE_PARTITIONS, PREVIOUS_DROP_PARTITIONS):
        op.execute(statement)
    op.execute("DROP FUNCTION ccgraph_planned_partitions")
    op.execute("DROP FUNCTION ccgraph_expired_partitions")
    op.execute("DROP FUNCTION ccgraph_drop_partition")
    op.drop_table("maintenance_runs")
    for key, _, _ in RETENTION:
        op.execute(f"DELETE FROM system_settings WHERE setting_key = 'retention.{key}'")
