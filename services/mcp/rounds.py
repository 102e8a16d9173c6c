"""Calls of several rounds: a server asks for more, and the client calls again with the answers.

Revision 2026-07-28 of MCP: an answer with `resultType` "input_required" does not end a call. The client then
sends the same request anew, under another id, with `inputResponses`, with the `requestState` that it was
given, or with both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from models.enums import McpMessageType
from services.core.json_codec import read_stored
from services.mcp.messages import Message

CALL: Final = "tools/call"
_ASKS: Final = "input_required"
_SIGNS: Final = ('"inputResponses"', '"requestState"')


@dataclass(frozen=True, slots=True)
class Part:
    """The role of a message in a call: an answer that `asks` for more, or a request that `continues` one."""

    asks: bool = False
    continues: bool = False
    tool: str | None = None
    state: str | None = None


COLUMNS: Final = f"""
COALESCE(result ->> 'resultType' = '{_ASKS}', false) AS asks,
COALESCE(method = '{CALL}' AND message_type = 'request'
         AND (params ? 'inputResponses' OR params ? 'requestState'), false) AS continues,
CASE WHEN method = '{CALL}' AND message_type = 'request' THEN params ->> 'name' END AS tool,
CASE message_type WHEN 'request' THEN params ->> 'requestState'
                  WHEN 'response' THEN result ->> 'requestState' END AS state
"""
"""The same of stored messages, in SQL."""

OF_SEVERAL_ROUNDS: Final = f"""
SELECT DISTINCT rpc_id FROM mcp_messages
WHERE cc_instance_id = $1 AND method = '{CALL}' AND (server_name IS NULL OR server_name = ANY($2::text[]))
    AND created_at BETWEEN $3 AND $4 AND rpc_id IS NOT NULL
    AND (result ->> 'resultType' = '{_ASKS}' OR params ? 'inputResponses' OR params ? 'requestState')
"""
"""The ids of messages of such calls."""


def has_signs(message: Message) -> bool:
    """True if a message may be a part of such a call; only a look into it tells."""
    return (
        message.method == CALL
        and message.params is not None
        and any(sign in message.params for sign in _SIGNS)
    ) or (message.result is not None and _ASKS in message.result)


def part_of(message: Message) -> Part:
    """The part that a message has in a call."""
    if message.type is McpMessageType.REQUEST and message.method == CALL:
        params = _object(message.params)
        continues = any(name in params for name in ("inputResponses", "requestState"))
        return Part(False, continues, _text(params.get("name")), _text(params.get("requestState")))
    if message.result is not None and _ASKS in message.result:
        result = _object(message.result)
        return Part(asks=result.get("resultType") == _ASKS, state=_text(result.get("requestState")))
    return Part()


class Row(Protocol):
    """A message with what it is in a call."""

    @property
    def id(self) -> UUID: ...
    @property
    def server(self) -> str | None: ...
    @property
    def direction(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...
    @property
    def is_timed(self) -> bool: ...
    @property
    def part(self) -> Part: ...


def continued(rows: Iterable[Row], asked: Mapping[UUID, Row]) -> dict[UUID, UUID]:
    """The request before each one that goes on with a call, by that one; its answer asked for more.

    `asked` has the requests of answers that ask, by the id of the answer. A request takes the latest answer
    before it, of the same server, tool and state, that no other one has taken. The order of the rows is all
    the same.
    """
    rows = [*rows]
    answers = sorted((row for row in rows if row.id in asked and row.part.asks), key=_place)
    found: dict[UUID, UUID] = {}
    for row in sorted((row for row in rows if row.part.continues), key=_place):
        for answer in reversed(answers):
            request = asked[answer.id]
            if _place(request) < _place(row) and _same_call(row, request, answer):
                found[row.id] = request.id
                answers.remove(answer)
                break
    return found


def _same_call(row: Row, request: Row, answer: Row) -> bool:
    is_before = answer.at <= row.at or not (answer.is_timed and row.is_timed)
    same_side = (request.server, request.direction) == (row.server, row.direction)
    return (
        is_before and same_side and (request.part.tool, answer.part.state) == (row.part.tool, row.part.state)
    )


def _place(row: Row) -> tuple[datetime, UUID]:
    return row.at, row.id


def _object(encoded: str | None) -> Mapping[str, Any]:
    value = read_stored(encoded) if encoded is not None else None
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
