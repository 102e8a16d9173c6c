"""Reads and writes which source told what of the rows of sessions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from services.core.database import Connection
from services.fleet.facts import Kind

FILE: Final = "file"
"""The kind under which the operation on a file of a tool call is remembered, whose key is a number."""

WHOLE: Final = (Kind.SESSION, Kind.INSTANCE, Kind.TASK, Kind.WORKTREE, Kind.KIN)
"""Kinds of which all of a session are read, as one depends on another."""

_READ: Final = """
SELECT session_id, kind, id, name, told FROM cc_provenance
WHERE session_id = ANY($1::uuid[]) AND kind = ANY($2::text[])
UNION ALL
SELECT session_id, kind, id, name, told FROM cc_provenance
WHERE session_id = ANY($1::uuid[]) AND kind <> ALL($2::text[]) AND id = ANY($3::uuid[])
"""

_READ_SOME: Final = """
SELECT session_id, kind, id, name, told FROM cc_provenance
WHERE session_id = ANY($1::uuid[]) AND id = ANY($2::uuid[])
"""

_WRITE: Final = """
INSERT INTO cc_provenance AS known (session_id, kind, id, name, told)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::jsonb[])
ON CONFLICT (session_id, kind, id) DO UPDATE SET told = excluded.told
WHERE known.told IS DISTINCT FROM excluded.told
"""

Told = Mapping[str, Any]


async def read(
    raw: Connection, sessions: Sequence[UUID], ids: Sequence[UUID]
) -> dict[tuple[UUID, str, UUID], tuple[str, Told]]:
    """The name and the facts of things, by session, kind and key.

    Of kinds that are not `WHOLE`, only `ids`.
    """
    rows = await raw.fetch(_READ, sessions, [kind.value for kind in WHOLE], ids)
    return {(row["session_id"], row["kind"], row["id"]): (row["name"], row["told"]) for row in rows}


async def read_some(
    raw: Connection, sessions: Sequence[UUID], ids: Sequence[UUID]
) -> dict[tuple[UUID, str, UUID], tuple[str, Told]]:
    """The same of these ids alone."""
    rows = await raw.fetch(_READ_SOME, sessions, ids)
    return {(row["session_id"], row["kind"], row["id"]): (row["name"], row["told"]) for row in rows}


async def write(raw: Connection, told: Iterable[tuple[UUID, str, UUID, str, Told]]) -> None:
    """Store what was told, in the order of the keys."""
    rows = sorted(told, key=lambda row: (row[0], row[1], row[2]))
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        columns[4] = [orjson.dumps(value).decode() for value in columns[4]]
        await raw.execute(_WRITE, *columns)
