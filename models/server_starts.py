"""Starts of the server that followed a crash: PostgreSQL gives transaction ids out again after them.

A crash takes back every id of which nothing had reached the disk: of transactions that were rolled back, and
of those that committed without waiting (`synchronous_commit = off`, or an id and nothing written). Another
transaction gets such an id afterwards. So a snapshot is remembered with the start to which its ids belong.

`feed_running` is unlogged: a recovery empties it, and a clean restart keeps it. Who finds it empty calls
`ccgraph_feed_start()`, which notes the start and the first id after it. That is the next id of the last
checkpoint, as long as that one was made by the recovery itself, when no transaction ran; then it begins where
it is written. Otherwise, or after a change of the timeline (a promoted replica, a restored archive), the
first id is not known. (Of two crashes between which no process took note, the second one's first id is known,
which may be later than the first one's.)

How far the log was replayed before the start is noted too, where the server was not restarted since: what
was remembered up to there stays true as it is. The number of a start whose first id is not known rises by
chance, so that two servers that were promoted apart do not pass for each other, nor a promoted server for a
primary whose first start it had not received.
"""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, func

from models.base import Base
from models.types import Xid8

feed_starts = Table(
    "feed_starts",
    Base.metadata,
    Column(
        "number",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="起動の連番",
        doc="Rises with each start.",
    ),
    Column("timeline", Integer, comment="WALタイムライン", doc="Timeline of the write-ahead log."),
    Column(
        "first_xid",
        Xid8,
        comment="復旧後の最初のトランザクションID",
        doc="The first transaction id that was given out after the start; null where it is not known.",
    ),
    Column(
        "replayed",
        BigInteger,
        comment="復旧時に再生したWALの位置",
        doc="How far the write-ahead log was replayed before the start, in bytes; null where not known.",
    ),
    Column(
        "noted_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="記録日時",
        doc="When the start was noted, which is a little later.",
    ),
    comment="クラッシュ復旧後の起動の記録",
)
feed_running = Table(
    "feed_running",
    Base.metadata,
    Column(
        "number",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="現在の起動の連番",
        doc="Number of the start since which the server has run.",
    ),
    comment="現在の起動 (クラッシュ復旧で空になる)",
    prefixes=["UNLOGGED"],
)

START = """
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

FUNCTIONS = (START,)
