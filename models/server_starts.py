"""Which transaction ids PostgreSQL has given out again: the starts of the server that followed a crash.

A crash takes back every id of which nothing had reached the disk: of transactions that were rolled back, and
of those that committed without waiting (`synchronous_commit = off`, or an id and nothing written). Another
transaction gets such an id afterwards. So a snapshot is remembered with the start to which its ids belong.

`feed_running` is unlogged: a recovery empties it, and a clean restart keeps it. Who finds it empty calls
`ccgraph_feed_start()`, which notes the start and the first id after it. That is the next id of the last
checkpoint, as long as that one was made by the recovery itself, when no transaction ran; then it begins where
it is written. Otherwise, or after a change of the timeline (a promoted replica, a restored archive), the
first id is not known. (Of two crashes between which no process took note, the second one's first id is known,
which may be later than the first one's.)
"""

from sqlalchemy import Column, DateTime, Integer, Table, func

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

FUNCTIONS = (START,)
