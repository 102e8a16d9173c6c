"""SQL functions that make partitions ahead of time and remove what is past its retention."""

from typing import Final

MOVING: Final = "ccgraph_moving"
"""The schema of copies that are to take the place of a DEFAULT partition (services/system/partitions.py)."""
MOVED: Final = "ccgraph_moved"
"""The schema of that whose place they have taken, until it is dropped."""

# No row, no figure: nothing is removed. The same holds for what is no figure or negative, which plain SQL can
# store: it must neither remove everything nor stop the maintenance of other tables. PostgreSQL still has a
# time that is a million days before now.
SETTING = """
CREATE OR REPLACE FUNCTION ccgraph_setting(wanted text) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN setting_value #>> '{}' ~ '^[0-9]+([.][0-9]+)?$' THEN
        LEAST((setting_value #>> '{}')::numeric,
            CASE WHEN right(wanted, 5) = '_days' THEN 1000000 ELSE 2147483647 END)::integer
    END
    FROM system_settings WHERE setting_key = wanted
$$
"""

# The table is made first and attached afterwards: attaching does not lock out who reads and writes the
# parent, and rows that came before their partition, and so lie in the DEFAULT one, can be brought over in
# between. The triggers of the default partition rest meanwhile, for nothing happens to the rows. The storage
# parameters are those of client §6.3, which PostgreSQL keeps on partitions only. Who wants to read or write
# waits behind who waits for a lock, so that is half a second at most. ANALYZE would compute the
# vectors of a search index for seconds, and no statement asks for their statistics: words are parameters.
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
        -- No trigger repeats in copies what happens here: they are made anew.
        EXECUTE format('DROP TABLE IF EXISTS ccgraph_moving.%I', parent);
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

# The trigger of a DEFAULT partition that is being copied. Maintenance holds the rows that it copies, so who
# changes one of them comes here after that. Only a transaction that goes on seeing an older moment would not
# see the copy, and leave it behind. Without copies there is nothing to repeat: they were given up.
REPEAT_IN_COPY = """
CREATE OR REPLACE FUNCTION ccgraph_repeat_in_copy() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    copies CONSTANT regclass := to_regclass(format('ccgraph_moving.%I', TG_ARGV[0]));
BEGIN
    IF copies IS NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('TRUNCATE %s', copies);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
            RAISE serialization_failure USING
                MESSAGE = 'Maintenance is moving this row to its partition: try again, READ COMMITTED.';
        END IF;
        EXECUTE format('DELETE FROM %s WHERE %I = ($1).%2$I AND %I = ($1).%3$I',
            copies, TG_ARGV[1], TG_ARGV[2]) USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format('INSERT INTO %s SELECT ($1).*', copies) USING NEW;
    END IF;
    RETURN NULL;
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
        unnest(ARRAY['cc_logs', 'task_logs', 'system_logs', 'notification_history', 'file_operations',
                'ingest_records'])
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

# A cursor that does not see every row that is gone may have missed one: it has expired.
RAISE_FEED_FLOOR = """
CREATE OR REPLACE FUNCTION ccgraph_raise_feed_floor(leaving xid8) RETURNS void
LANGUAGE sql AS $$
    UPDATE feed_state SET floor = leaving WHERE floor < leaving
$$
"""

# To be run once after a dump was restored into another cluster. Transaction ids mean nothing there: the rows
# would come up as new when the counter of the new cluster reached them. Every snapshot sees transaction 3.
RENEW_FEED = """
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
"""

# A partition goes when its last possible row is past retention.
EXPIRED_PARTITIONS = """
CREATE OR REPLACE FUNCTION ccgraph_expired_partitions(at timestamptz)
RETURNS TABLE (parent text, name text, until_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT parent.relname::text, partition.relname::text, high::timestamptz
    FROM pg_inherits
        JOIN pg_class AS parent ON parent.oid = inhparent
        JOIN pg_class AS partition ON partition.oid = inhrelid,
        LATERAL substring(
            pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \\(''(.*)''\\)') AS high
    WHERE parent.oid IN (
            'cc_logs'::regclass, 'task_logs'::regclass, 'system_logs'::regclass,
            'notification_history'::regclass, 'file_operations'::regclass,
                'ingest_records'::regclass, 'change_events'::regclass)
        AND high::timestamptz
            <= at - INTERVAL '1 day' * ccgraph_setting('retention.' || parent.relname || '_days')
    ORDER BY partition.relname
$$
"""

# Counts of file operations are kept by triggers, which DROP does not fire.
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

# The limit stands in the text of the compaction, so that its plan can use idx_mcp_messages_oversized.
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
    DELETE FROM ingest_records
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.ingest_records_days');
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

FUNCTIONS = (
    SETTING,
    CREATE_PARTITION,
    REPEAT_IN_COPY,
    PLANNED_PARTITIONS,
    CREATE_PARTITIONS,
    RAISE_FEED_FLOOR,
    RENEW_FEED,
    EXPIRED_PARTITIONS,
    DROP_PARTITION,
    DROP_PARTITIONS,
    CLEANUP,
)
