"""Lets ANALYZE leave the search indexes alone: it computed every vector, and no statement uses what it found."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SET_STATISTICS = """
DO $$
DECLARE
    searched regclass;
BEGIN
    FOR searched IN
        SELECT indexrelid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relkind = 'i' AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
    LOOP
        EXECUTE format('ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS {target}', searched);
    END LOOP;
END
$$
"""

CREATE_PARTITION = """
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
@variable@BEGIN
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
@loop@    RETURN true;
END
$$
"""

VARIABLE = "    searched regclass;\n"
LOOP = """\
    FOR searched IN
        SELECT indexrelid FROM pg_index
        WHERE indrelid = quote_ident(partition)::regclass
            AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
    LOOP
        EXECUTE format('ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS 0', searched);
    END LOOP;
"""


def upgrade() -> None:
    """No statistics of the vectors, in partitions to come either."""
    op.execute(CREATE_PARTITION.replace("@variable@", VARIABLE).replace("@loop@", LOOP))
    op.execute(SET_STATISTICS.replace("{target}", "0"))


def downgrade() -> None:
    """As many as of any column."""
    op.execute(SET_STATISTICS.replace("{target}", "-1"))
    op.execute(CREATE_PARTITION.replace("@variable@", "").replace("@loop@", ""))
