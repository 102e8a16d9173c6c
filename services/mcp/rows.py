"""MCP messages on their way into the database, and those already there, as far as pairing is concerned."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from models.enums import McpMessageType
from services.core.database import WriteConnection, driver
from services.mcp import rounds, tool_uses
from services.mcp.messages import Message
from services.mcp.pairing import Entry, exchange_of
from services.mcp.rounds import Part, has_signs, part_of
from services.mcp.tool_uses import tool_use_of

_MILLISECOND: Final = timedelta(milliseconds=1)
_LONGEST: Final = 2**31 - 1  # milliseconds that an INTEGER holds, almost 25 days

_NOW: Final = "SELECT clock_timestamp()"

_COLUMNS: Final = f"""
SELECT id, message_type AS type, server_name AS server, direction, rpc_id, method,
       processing_time_ms, created_at AS at, {rounds.COLUMNS}, {tool_uses.COLUMN}
FROM mcp_messages
"""
_STORED: Final = f"""
{_COLUMNS} WHERE cc_instance_id = $1 AND server_name = ANY($2::text[]) AND rpc_id = ANY($3::text[])
UNION ALL
{_COLUMNS} WHERE cc_instance_id = $1 AND server_name IS NULL AND rpc_id = ANY($3::text[])
"""

_AROUND: Final = """
SELECT DISTINCT server_name, rpc_id FROM mcp_messages WHERE cc_instance_id = $1 AND id = ANY($2::uuid[])
"""

_LONGEST_CALL: Final = timedelta(days=1)
"""Within so long the next round of a call is looked for."""

Answer = tuple[str | None, int | None]
"""What a response takes from its request: the method, and the milliseconds since."""

UNANSWERED: Final[Answer] = (None, None)


@dataclass(frozen=True, slots=True)
class Row:
    """A message on its way into the database, or one already there: what pairing reads and sets."""

    id: UUID
    type: str
    server: str | None
    direction: str | None
    rpc_id: str | None
    method: str | None
    processing_time_ms: int | None
    at: datetime
    tool_use: str | None = None
    part: Part = Part()  # noqa: RUF009 - it is frozen

    @property
    def is_timed(self) -> bool:
        """True if `at` is when it was sent; an id of version 8 marks one that was recorded without."""
        return self.id.version != 8

    def entry(self) -> Entry | None:
        """The entry by which messages are paired; None for one that neither answers nor is answered."""
        exchange = exchange_of(self.type, self.server, self.direction, self.rpc_id)
        if exchange is None:
            return None
        return Entry(self.id, exchange, self.type == McpMessageType.REQUEST, self.at, self.is_timed)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The stored messages to look for: of these servers, and of none, with these JSON-RPC ids.

    `times` are those of the messages that they are looked for by. `several` says that calls of several rounds
    are among these.
    """

    servers: frozenset[str]
    ids: frozenset[str]
    times: tuple[datetime, ...] = ()
    several: bool = False


def wanted(messages: Collection[Message]) -> Wanted:
    """The values by which stored rows are found that belong to these messages."""
    with_id = [message for message in messages if message.rpc_id is not None]
    return Wanted(
        frozenset(message.server for message in with_id if message.server is not None),
        frozenset(message.rpc_id for message in with_id if message.rpc_id is not None),
        tuple(message.at for message in with_id if message.at is not None),
        any(map(has_signs, messages)),
    )


async def stored_rows(connection: WriteConnection, instance_id: UUID, asked: Wanted) -> dict[UUID, Row]:
    """The instance's rows with a server and JSON-RPC id that are asked for.

    Where calls of several rounds are among them, the rows of such calls of that time, too.
    """
    if not asked.ids:
        return {}
    servers, ids = [*asked.servers], {*asked.ids}
    raw = await driver(connection)
    rows = [_stored_row(row) for row in await raw.fetch(_STORED, instance_id, servers, list(ids))]
    if asked.several or have_rounds(rows):
        times = [*asked.times, *(row.at for row in rows)] or [await _now(connection)]
        around = (min(times) - _LONGEST_CALL, max(times) + _LONGEST_CALL)
        more = await raw.fetch(rounds.OF_SEVERAL_ROUNDS, instance_id, servers, *around)
        ids |= {row["rpc_id"] for row in more}
        rows = [_stored_row(row) for row in await raw.fetch(_STORED, instance_id, servers, list(ids))]
    return {row.id: row for row in rows}


async def rows_around(
    connection: WriteConnection, instance_id: UUID, message_ids: Sequence[UUID]
) -> dict[UUID, Row]:
    """These messages of the instance, with those that they are paired with."""
    raw = await driver(connection)
    found = await raw.fetch(_AROUND, instance_id, message_ids)
    asked = Wanted(
        frozenset(row["server_name"] for row in found if row["server_name"] is not None),
        frozenset(row["rpc_id"] for row in found if row["rpc_id"] is not None),
    )
    return await stored_rows(connection, instance_id, asked)


def have_rounds(rows: Iterable[Row]) -> bool:
    """True if calls of several rounds are among rows."""
    return any(row.part.asks or row.part.continues for row in rows)


def _stored_row(row: asyncpg.Record) -> Row:
    values: dict[str, Any] = dict(row)
    part = Part(*(values.pop(name) for name in ("asks", "continues", "tool", "state")))
    return Row(**values, part=part)


async def _now(connection: WriteConnection) -> datetime:
    now: datetime = (await connection.exec_driver_sql(_NOW)).scalar_one()
    return now


async def arrived(connection: WriteConnection, messages: Sequence[Message], *, parts: bool) -> Iterable[Row]:
    """`messages` as rows, with their `parts` where these matter.

    One without a time gets that of its arrival, a microsecond after the one before.
    """
    is_timed = all(message.at is not None for message in messages)
    now = datetime.min if is_timed else await _now(connection)
    return (
        Row(
            message.id,
            message.type,
            message.server,
            message.direction,
            message.rpc_id,
            message.method,
            None,
            message.at or now + timedelta(microseconds=position),
            tool_use_of(message),
            part_of(message) if parts else Part(),
        )
        for position, message in enumerate(messages)
    )


def answer(response: Row, request: Row) -> Answer:
    """The method and the time of a response, from its request; no time where the response was sent first."""
    elapsed = round((response.at - request.at) / _MILLISECOND)
    return request.method, min(elapsed, _LONGEST) if elapsed >= 0 else None
