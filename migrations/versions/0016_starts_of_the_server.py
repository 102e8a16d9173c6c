"""Notes where transaction ids began again after a crash, so that what is remembered of them stays true."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = (
    """
CREATE TABLE feed_starts (
    number integer NOT NULL CONSTRAINT feed_starts_pkey PRIMARY KEY,
    timeline integer,
    first_xid xid8,
    noted_at timestamptz NOT NULL DEFAULT now()
)
""",
    """
CREATE UNLOGGED TABLE feed_running (number integer NOT NULL CONSTRAINT feed_running_pkey PRIMARY KEY)
""",
)

COMMENTS = {
    "TABLE feed_starts": "クラッシュ復旧後の起動の記録",
    "COLUMN feed_starts.number": "起動の連番",
    "COLUMN feed_starts.timeline": "WALタイムライン",
    "COLUMN feed_starts.first_xid": "復旧後の最初のトランザクションID",
    "COLUMN feed_starts.noted_at": "記録日時",
    "TABLE feed_running": "現在の起動 (クラッシュ復旧で空になる)",
    "COLUMN feed_running.number": "現在の起動の連番",
}

FUNCTION = """
CREATE OR REPLACE FUNCTION ccgraph_feed_start() RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    running integer;
    line integer;
    first xid8;
BEGIN
    LOCK TABLE feed_starts IN EXCLUSIVE MODE;
    SELECT number INTO running FROM feed_running;
    IF FOUND THEN
        RETURN running;
    END IF;
    -- What is given out with this number must not outlive it.
    PERFORM set_config('synchronous_commit', 'on', true);
    SELECT number, timeline INTO running, line FROM feed_starts ORDER BY number DESC LIMIT 1;
    BEGIN
        SELECT timeline_id, CASE
            WHEN redo_lsn = checkpoint_lsn AND timeline_id = line
                AND current_setting('wal_level') <> 'minimal'
            THEN (split_part(next_xid, ':', 1)::bigint * 4294967296
                + split_part(next_xid, ':', 2)::bigint)::text::xid8 END
            INTO line, first
            FROM pg_control_checkpoint();
    EXCEPTION WHEN insufficient_privilege THEN
        line := NULL;
    END;
    running := COALESCE(running, 0) + 1;
    INSERT INTO feed_starts (number, timeline, first_xid) VALUES (running, line, first);
    INSERT INTO feed_running VALUES (running);
    RETURN running;
END
$$
"""


def upgrade() -> None:
    """Make the tables and the function."""
    for table in TABLES:
        op.execute(table)
    for place, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {place} IS '{comment}'")
    op.execute(FUNCTION)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION ccgraph_feed_start()")
    op.execute("DROP TABLE feed_running")
    op.execute("DROP TABLE feed_starts")
