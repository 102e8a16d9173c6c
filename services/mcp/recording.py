"""Files MCP messages and keeps the tool calls among them in step, in a handful of statements a call."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from models.enums import McpMessageType
from services.core.database import WriteConnection, affected, driver
from services.core.errors import BadInput
from services.core.principal import Principal
from services.mcp import rounds
from services.mcp.messages import CANCELLED, Message, MessageReader, read_messages, require_few
from services.mcp.pairing import Entry, exchange_of, pair
from services.mcp.rounds import Part, continued, has_signs, part_of
from services.secrets.masking import LARGE, off_the_loop
from services.writing.action import Action
from services.writing.archived import require_active
from services.writing.permissions import require_change

_MILLISECOND: Final = timedelta(milliseconds=1)
_LONGEST: Final = 2**31 - 1  # milliseconds that an INTEGER holds, almost 25 days

# Two recordings for one instance take turns: each pairs what the other has stored.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('mcp_messages ' || $1::text, 0))"

_NOW: Final = "SELECT clock_timestamp()"

_COLUMNS: Final = f"""
SELECT id, message_type AS type, server_name AS server, direction, rpc_id, method,
       processing_time_ms, created_at AS at, {rounds.COLUMNS}
FROM mcp_messages
"""
_STORED: Final = f"""
{_COLUMNS} WHERE cc_instance_id = $1 AND server_name = ANY($2::text[]) AND rpc_id = ANY($3::text[])
UNION ALL
{_COLUMNS} WHERE cc_instance_id = $1 AND server_name IS NULL AND rpc_id = ANY($3::text[])
"""

_LONGEST_CALL: Final = timedelta(days=1)
"""Within so long the next round of a call is looked for."""

_INSERT: Final = """
INSERT INTO mcp_messages (id, cc_instance_id, message_type, server_name, direction, rpc_id, method,
                          params, result, error, processing_time_ms, created_at)
SELECT id, $1, message_type, server_name, direction, rpc_id, method,
       params::jsonb, result::jsonb, error::jsonb, processing_time_ms, created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::integer[], $12::timestamptz[])
  AS m(id, message_type, server_name, direction, rpc_id, method,
       params, result, error, processing_time_ms, created_at)
ON CONFLICT (id) DO NOTHING
"""

_ANSWER: Final = """
UPDATE mcp_messages SET method = answer.method, processing_time_ms = answer.processing_time_ms
FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS answer(id, method, processing_time_ms)
WHERE mcp_messages.id = answer.id
"""

# A tool call takes the key of its request: one row for it, however often it is recorded.
_SYNC_TOOL_CALLS: Final = """
INSERT INTO mcp_tool_calls AS known (id, message_id, cc_instance_id, server_name, tool_name, arguments,
                            status, started_at, completed_at, execution_time_ms, result, error_details)
SELECT request.id, request.id, request.cc_instance_id, request.server_name, request.params ->> 'name',
       COALESCE(NULLIF(request.params -> 'arguments', 'null'), '{}'),
       CASE WHEN response.id IS NULL AND cancel.id IS NOT NULL THEN 'failed'
            WHEN response.id IS NULL THEN 'running'
            WHEN response.error IS NOT NULL OR response.result -> 'isError' = 'true' THEN 'failed'
            ELSE 'completed' END,
       request.created_at, COALESCE(response.created_at, cancel.created_at),
       COALESCE(called.elapsed, response.processing_time_ms),
       response.result,
       CASE WHEN response.id IS NULL AND cancel.id IS NOT NULL
            THEN jsonb_build_object('message', 'Cancelled', 'reason', cancel.params -> 'reason')
            WHEN response.result -> 'isError' = 'true'
            THEN jsonb_build_object('message', (SELECT string_agg(part ->> 'text', E'\\n')
                                                FROM jsonb_path_query(response.result, '$.content[*]') part))
            ELSE response.error END
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[])
    AS called(request_id, response_id, cancel_id, elapsed)
JOIN mcp_messages request ON request.id = called.request_id
LEFT JOIN mcp_messages response ON response.id = called.response_id
LEFT JOIN mcp_messages cancel ON cancel.id = called.cancel_id
WHERE jsonb_typeof(request.params -> 'name') = 'string'
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, completed_at = excluded.completed_at, result = excluded.result,
    execution_time_ms = excluded.execution_time_ms, error_details = excluded.error_details
WHERE (known.status, known.completed_at, known.result, known.error_details)
   IS DISTINCT FROM (excluded.status, excluded.completed_at, excluded.result, excluded.error_details)
"""

# Where a further round of a call was recorded before the first one.
_REMOVE: Final = "DELETE FROM mcp_tool_calls WHERE id = ANY($1::uuid[])"


_Answer = tuple[str | None, int | None]
"""What a response takes from its request: the method, and the milliseconds since."""

_UNANSWERED: Final[_Answer] = (None, None)


@dataclass(frozen=True, slots=True)
class RecordedMessages:
    """`message_ids` are the rows' keys in the order of the input; `recorded` of them are new."""

    instance_id: UUID
    message_ids: tuple[UUID, ...]
    recorded: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A message on its way into the database, or one already there: what pairing reads and sets."""

    id: UUID
    type: str
    server: str | None
    direction: str | None
    rpc_id: str | None
    method: str | None
    processing_time_ms: int | None
    at: datetime
    part: Part = Part()  # noqa: RUF009 - it is frozen

    @property
    def is_timed(self) -> bool:
        """Whether `at` is when it was sent; an id of version 8 marks one that was recorded without."""
        return self.id.version != 8

    def entry(self) -> Entry | None:
        exchange = exchange_of(self.type, self.server, self.direction, self.rpc_id)
        if exchange is None:
            return None
        return Entry(self.id, exchange, self.type == McpMessageType.REQUEST, self.at, self.is_timed)


async def record(action: Action, instance_id: UUID, items: Sequence[object]) -> RecordedMessages:
    """Store the JSON-RPC messages `items`; see `read_messages` for their forms and `store` for the rest.

    Raises: BadInput with the place of the first bad item, and what `store` does.
    """
    messages = await off_the_loop(_size(items), read_messages, instance_id, items)
    async with action.transaction(ccInstanceId=instance_id) as transaction:
        stored = await store(transaction.connection, action.principal, instance_id, messages)
        transaction.details["recorded"] = stored.recorded
    return stored


async def record_readable(
    action: Action, instance_id: UUID, items: Sequence[object]
) -> tuple[RecordedMessages, tuple[BadInput, ...]]:
    """The same, but an item that cannot be read takes no others with it: gives why each was left out.

    Raises: BadInput for too many of them, and what `store` does.
    """
    messages, refused = await off_the_loop(_size(items), _read_each, instance_id, items)
    if not messages:
        return RecordedMessages(instance_id, (), 0), refused
    async with action.transaction(ccInstanceId=instance_id) as transaction:
        stored = await store(transaction.connection, action.principal, instance_id, messages)
        transaction.details["recorded"] = stored.recorded
    return stored, refused


def _read_each(
    instance_id: UUID, items: Sequence[object]
) -> tuple[tuple[Message, ...], tuple[BadInput, ...]]:
    reader = MessageReader(instance_id)
    messages: list[Message] = []
    refused: list[BadInput] = []
    for item in items:
        try:
            messages += reader.read([item])
        except BadInput as refusal:
            refused.append(refusal)
    require_few(len(messages))
    return tuple(messages), tuple(refused)


def _size(items: Sequence[object]) -> int:
    """About how many bytes the messages have."""
    try:
        return len(orjson.dumps(items))
    except TypeError:  # what is wrong is said where it is met
        return LARGE


async def store(
    connection: WriteConnection, principal: Principal, instance_id: UUID, messages: Sequence[Message]
) -> RecordedMessages:
    """Store messages of an instance's MCP traffic (terminal §3.1, decisions 16 and 27).

    A response bears the method of its request and the milliseconds between the two; `tools/call` opens a
    tool call and its answer ends it. Whatever the order, the number of calls or repetitions, the same
    messages make the same rows. Raises `NotFound` or `Forbidden` for the instance.
    """
    await connection.exec_driver_sql(_TAKE_TURN, (str(instance_id),))
    await require_change(connection, principal, "cc_instances", instance_id, field="input.ccInstanceId")
    await require_active(connection, "cc_instances", instance_id, "input.ccInstanceId")
    stored = await _stored_rows(connection, instance_id, messages)
    arrived = await _arrived(connection, messages, parts=_have_rounds(messages, stored.values()))
    fresh = {row.id: row for row in arrived if row.id not in stored}
    known = stored | fresh
    requests = pair(entry for row in known.values() if (entry := row.entry()) is not None)
    answers = {
        response: _answer(known[response], known[request.id]) for response, request in requests.items()
    }
    recorded = await _insert(connection, instance_id, messages, fresh, answers)
    await _mend(connection, stored, answers)
    await _sync_tool_calls(connection, known, requests)
    return RecordedMessages(instance_id, tuple(message.id for message in messages), recorded)


async def _stored_rows(
    connection: WriteConnection, instance_id: UUID, messages: Iterable[Message]
) -> dict[UUID, _Row]:
    """The instance's rows with a server and JSON-RPC id that occur among `messages`.

    Where calls of several rounds are among them, the rows of such calls of that time, too.
    """
    with_id = [message for message in messages if message.rpc_id is not None]
    if not with_id:
        return {}
    servers = [*{message.server for message in with_id} - {None}]
    ids = {message.rpc_id for message in with_id}
    raw = await driver(connection)
    rows = [_stored_row(row) for row in await raw.fetch(_STORED, instance_id, servers, list(ids))]
    if _have_rounds(messages, rows):
        times = [message.at for message in with_id if message.at is not None]
        times += [row.at for row in rows] or [await _now(connection)]
        around = (min(times) - _LONGEST_CALL, max(times) + _LONGEST_CALL)
        more = await raw.fetch(rounds.OF_SEVERAL_ROUNDS, instance_id, servers, *around)
        ids |= {row["rpc_id"] for row in more}
        rows = [_stored_row(row) for row in await raw.fetch(_STORED, instance_id, servers, list(ids))]
    return {row.id: row for row in rows}


def _have_rounds(messages: Iterable[Message], rows: Iterable[_Row]) -> bool:
    """Whether calls of several rounds are among messages and stored rows."""
    return any(row.part.asks or row.part.continues for row in rows) or any(map(has_signs, messages))


def _stored_row(row: asyncpg.Record) -> _Row:
    values: dict[str, Any] = dict(row)
    part = Part(*(values.pop(name) for name in ("asks", "continues", "tool", "state")))
    return _Row(**values, part=part)


async def _now(connection: WriteConnection) -> datetime:
    now: datetime = (await connection.exec_driver_sql(_NOW)).scalar_one()
    return now


async def _arrived(
    connection: WriteConnection, messages: Sequence[Message], *, parts: bool
) -> Iterable[_Row]:
    """`messages` as rows, with their `parts` where these matter.

    One without a time gets that of its arrival, a microsecond after the one before.
    """
    is_timed = all(message.at is not None for message in messages)
    now = datetime.min if is_timed else await _now(connection)
    return (
        _Row(
            message.id,
            message.type,
            message.server,
            message.direction,
            message.rpc_id,
            message.method,
            None,
            message.at or now + timedelta(microseconds=position),
            part_of(message) if parts else Part(),
        )
        for position, message in enumerate(messages)
    )


def _answer(response: _Row, request: _Row) -> _Answer:
    elapsed = round((response.at - request.at) / _MILLISECOND)
    return request.method, min(elapsed, _LONGEST) if elapsed >= 0 else None


async def _insert(
    connection: WriteConnection,
    instance_id: UUID,
    messages: Iterable[Message],
    fresh: Mapping[UUID, _Row],
    answers: Mapping[UUID, _Answer],
) -> int:
    """Store the messages that are not stored yet; how many those were."""
    by_id = {message.id: message for message in messages if message.id in fresh}
    if not by_id:
        return 0
    columns = zip(
        *(
            (
                *(message.id, message.type, message.server, message.direction, message.rpc_id),
                answers.get(message.id, _UNANSWERED)[0] or message.method,
                *(message.params, message.result, message.error),
                answers.get(message.id, _UNANSWERED)[1],
                fresh[message.id].at,
            )
            for message in by_id.values()
        ),
        strict=True,
    )
    return affected(await (await driver(connection)).execute(_INSERT, instance_id, *columns))


async def _mend(
    connection: WriteConnection, stored: Mapping[UUID, _Row], answers: Mapping[UUID, _Answer]
) -> None:
    """Give stored responses the method and time of a request that arrived after them."""
    mended = [
        (row.id, *answer)
        for row in stored.values()
        if row.type == McpMessageType.RESPONSE
        and (answer := answers.get(row.id, _UNANSWERED)) != (row.method, row.processing_time_ms)
    ]
    if mended:
        await connection.exec_driver_sql(_ANSWER, tuple(zip(*mended, strict=True)))


async def _sync_tool_calls(
    connection: WriteConnection, known: Mapping[UUID, _Row], requests: Mapping[UUID, Entry]
) -> None:
    """Open, complete, fail or cancel the tool calls of all requests concerned, one for all its rounds."""
    rows = known.values()
    calls = [row for row in rows if row.type == McpMessageType.REQUEST and row.method == rounds.CALL]
    if not calls:
        return
    asked = {key: known[request.id] for key, request in requests.items() if known[key].part.asks}
    before = continued(rows, asked)
    responses = {request.id: key for key, request in requests.items() if key not in asked}
    cancels = _cancellations(rows, {*responses, *before.values()})
    last = {call.id: call.id for call in calls}
    for call in sorted(calls, key=lambda row: (row.at, row.id)):
        if call.id in before:
            last[_first(call.id, before)] = call.id
    roots = [call for call in calls if call.id not in before]
    answered = [responses.get(last[call.id]) for call in roots]
    elapsed = [
        _answer(known[answer], call)[1] if answer is not None and last[call.id] != call.id else None
        for call, answer in zip(roots, answered, strict=True)
    ]
    raw = await driver(connection)
    cancelled = [cancels.get(last[call.id]) for call in roots]
    await raw.execute(_SYNC_TOOL_CALLS, [call.id for call in roots], answered, cancelled, elapsed)
    if before:
        await raw.execute(_REMOVE, [*before])


def _first(call: UUID, before: Mapping[UUID, UUID]) -> UUID:
    """The first round of a call."""
    while call in before:
        call = before[call]
    return call


def _cancellations(rows: Collection[_Row], answered: Container[UUID]) -> dict[UUID, UUID]:
    """By request, the notification that cancelled it: of those with its id, the latest that was open."""
    cancels = sorted((row for row in rows if row.method == CANCELLED and row.rpc_id), key=lambda row: row.at)
    found: dict[UUID, UUID] = {}
    for cancel in cancels:
        waiting = [
            row
            for row in rows
            if row.type == McpMessageType.REQUEST
            and (row.server, row.direction, row.rpc_id) == (cancel.server, cancel.direction, cancel.rpc_id)
            and row.id not in answered
            and row.id not in found
            and (row.at <= cancel.at or not (row.is_timed and cancel.is_timed))
        ]
        if waiting:
            found[max(waiting, key=lambda row: (row.at, row.id)).id] = cancel.id
    return found
