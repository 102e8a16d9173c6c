"""Notes how far the log was replayed before a start, so that cursors outlive a promotion that lost nothing."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION ccgraph_feed_start() RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    running integer;
    line integer;
    -- The last checkpoint may still be of the timeline before.
    present integer := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
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
        SELECT (split_part(next_xid, ':', 1)::bigint * 4294967296
                + split_part(next_xid, ':', 2)::bigint)::text::xid8
            INTO first
            FROM pg_control_checkpoint()
            WHERE redo_lsn = checkpoint_lsn AND timeline_id = line AND timeline_id = present
                AND current_setting('wal_level') <> 'minimal';
    EXCEPTION WHEN insufficient_privilege THEN
        first := NULL;
    END;
    running := COALESCE(running, 0) + 1;
    IF first IS NULL AND (line IS NOT NULL OR present > 1) THEN
        running := running + floor(random() * 32768)::integer;
    END IF;
    INSERT INTO feed_starts (number, timeline, first_xid, replayed)
        VALUES (running, present, first, (pg_last_wal_replay_lsn() - '0/0')::bigint);
    INSERT INTO feed_running VALUES (running);
    RETURN running;
END
$$
"""

PREVIOUS = """
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
    """Starts that were noted before stay without the position."""
    op.execute("ALTER TABLE feed_starts ADD COLUMN replayed bigint")
    op.execute("COMMENT ON COLUMN feed_starts.replayed IS '復旧時に再生したWALの位置'")
    op.execute(FUNCTION)


def downgrade() -> None:
    """Note starts as before."""
    op.execute(PREVIOUS)
    op.execute("ALTER TABLE feed_starts DROP COLUMN replayed")
