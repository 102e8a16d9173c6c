"""Lets a DEFAULT partition be copied into partitions while users change it."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

PREVIOUS_CREATE_PARTITION = """
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

CREATE_PARTITION = PREVIOUS_CREATE_PARTITION.replace(
    "    IF strayed THEN\n",
    """    IF strayed THEN
        -- No trigger repeats in copies what happens here: they are made anew.
        EXECUTE format('DROP TABLE IF EXISTS ccgraph_moving.%I', parent);
""",
)

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


def upgrade() -> None:
    """Lock nothing that users need."""
    op.execute(CREATE_PARTITION)
    op.execute(REPEAT_IN_COPY)


def downgrade() -> None:
    """Give up copies that have not taken their place: nothing of them is needed."""
    op.execute("DROP SCHEMA IF EXISTS ccgraph_moving CASCADE")
    op.execute("DROP FUNCTION ccgraph_repeat_in_copy CASCADE")
    op.execute(PREVIOUS_CREATE_PARTITION)
