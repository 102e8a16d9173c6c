"""Files MCP messages and keeps the tool calls among them in step, in a handful of statements a call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from models.enums import McpMessageType
from services.core.database import WriteConnection, affected, driver
from services.core.errors import BadInput
from services.core.principal import Principal
from services.mcp.calls import paired, sync_tool_calls, take_turn
from services.mcp.messages import Message, MessageReader, read_messages, require_few
from services.mcp.rows import UNANSWERED, Answer, Row, answer, arrived, have_rounds, stored_rows, wanted
from services.secrets.masking import LARGE, off_the_loop
from services.writing.action import Action
from services.writing.archived import require_active
from services.writing.permissions import require_change

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


@dataclass(frozen=True, slots=True)
class RecordedMessages:
    """`message_ids` are the rows' keys in the order of the input; `recorded` of them are new."""

    instance_id: UUID
    message_ids: tuple[UUID, ...]
    recorded: int


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
    messages make the same rows. Raises: NotFound or Forbidden for the instance.
    """
    await take_turn(connection, instance_id)
    await require_change(connection, principal, "cc_instances", instance_id, field="input.ccInstanceId")
    await require_active(connection, "cc_instances", instance_id, "input.ccInstanceId")
    asked = wanted(messages)
    stored = await stored_rows(connection, instance_id, asked)
    several = asked.several or have_rounds(stored.values())
    rows = await arrived(connection, messages, parts=several)
    fresh = {row.id: row for row in rows if row.id not in stored}
    known = stored | fresh
    requests = paired(known)
    answers = {response: answer(known[response], known[request.id]) for response, request in requests.items()}
    recorded = await _insert(connection, instance_id, messages, fresh, answers)
    await _mend(connection, stored, answers)
    await sync_tool_calls(connection, instance_id, known, requests)
    return RecordedMessages(instance_id, tuple(message.id for message in messages), recorded)


async def _insert(
    connection: WriteConnection,
    instance_id: UUID,
    messages: Iterable[Message],
    fresh: Mapping[UUID, Row],
    answers: Mapping[UUID, Answer],
) -> int:
    """Store the messages that are not stored yet; how many those were."""
    by_id = {message.id: message for message in messages if message.id in fresh}
    if not by_id:
        return 0
    columns = zip(
        *(
            (
                *(message.id, message.type, message.server, message.direction, message.rpc_id),
                answers.get(message.id, UNANSWERED)[0] or message.method,
                *(message.params, message.result, message.error),
                answers.get(message.id, UNANSWERED)[1],
                fresh[message.id].at,
            )
            for message in by_id.values()
        ),
        strict=True,
    )
    return affected(await (await driver(connection)).execute(_INSERT, instance_id, *columns))


async def _mend(
    connection: WriteConnection, stored: Mapping[UUID, Row], answers: Mapping[UUID, Answer]
) -> None:
    """Give stored responses the method and time of a request that arrived after them."""
    mended = [
        (row.id, *answer)
        for row in stored.values()
        if row.type == McpMessageType.RESPONSE
        and (answer := answers.get(row.id, UNANSWERED)) != (row.method, row.processing_time_ms)
    ]
    if mended:
        await connection.exec_driver_sql(_ANSWER, tuple(zip(*mended, strict=True)))
