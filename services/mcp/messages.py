"""Reads JSON-RPC 2.0 messages, bare or as a recorder wraps them, into rows of mcp_messages."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

from models.enums import McpDirection, McpMessageType
from models.spellings import Unfit
from services.core.errors import BadInput
from services.core.json_codec import ExactNumber, write_storable
from services.core.timestamps import EARLIEST, read_moment
from services.secrets.masking import mask_key, mask_text, masked

MAX_MESSAGES: Final = 5_000
"""Messages in one call, those inside JSON-RPC batches counted."""

CANCELLED: Final = "notifications/cancelled"
"""Its `params.requestId` names the request whose answer is not wanted (MCP, utilities: cancellation)."""

_WRAPPER: Final = frozenset({"at", "server", "direction", "message"})
_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = 2**53  # past it, neighbouring whole numbers are one float
_MAX_NAME: Final = (
    255  # characters; methods, ids and servers stand in B-tree indexes, whose entries are bounded
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is stored.

    `params`, `result` and `error` are JSON texts with their secrets masked. `rpc_id` is the JSON-RPC id
    as JSON text, so that 1 and "1" stay apart; that of a cancellation is the id it cancels. `at` is None
    when the caller did not say when the message was sent. `id` follows from the content: the same message
    recorded again has the same id.
    """

    id: UUID
    type: McpMessageType
    at: datetime | None
    server: str | None
    direction: McpDirection | None
    rpc_id: str | None
    method: str | None
    params: str | None
    result: str | None
    error: str | None


def read_messages(instance_id: UUID, items: Sequence[object]) -> list[Message]:
    """The messages of one call, as `MessageReader.read` gives them."""
    return MessageReader(instance_id).read(items)


def require_few(messages: int) -> None:
    """Return when one call may bring so many messages. Raises: BadInput."""
    if messages > MAX_MESSAGES:
        raise BadInput(
            f"One call takes at most {MAX_MESSAGES:,} messages; send these {messages:,} in parts.",
            field="input.messages",
        )


@dataclass(frozen=True, slots=True)
class _Envelope:
    """The recorder's own facts about a message."""

    at: datetime | None = None
    server: str | None = None
    direction: McpDirection | None = None


class MessageReader:
    """Reads messages of one instance; counts how often a message without a time has come by."""

    def __init__(self, instance_id: UUID) -> None:
        self._instance = instance_id.bytes
        self._seen: Counter[bytes] = Counter()

    def read(self, items: Sequence[object]) -> list[Message]:
        """The messages of `items`, batches unrolled, in the order given.

        An item is a JSON-RPC message, a batch (array) of them, or either of the two wrapped with what a
        recorder knows: `{at, server, direction, message}`, each but `message` optional.
        `BadInput` names the first item that is not JSON-RPC 2.0 (`input.messages.3`) and says why.
        """
        messages = [message for index, item in enumerate(items) for message in self._read_item(item, index)]
        if not messages:
            raise BadInput("Give at least one message.", field="input.messages")
        require_few(len(messages))
        return messages

    def _read_item(self, item: object, index: int) -> Iterator[Message]:
        field = f"input.messages.{index}"
        envelope = _Envelope()
        if isinstance(item, dict) and "message" in item and "jsonrpc" not in item:
            envelope = _read_envelope(item, field)
            item, field = item["message"], f"{field}.message"
        if not isinstance(item, list):
            yield self._read_message(item, envelope, field)
            return
        if not item:
            raise BadInput("A JSON-RPC batch holds at least one message.", field=field)
        for position, member in enumerate(item):
            yield self._read_message(member, envelope, f"{field}.{position}")

    def _read_message(self, message: object, envelope: _Envelope, field: str) -> Message:
        if not isinstance(message, dict):
            raise BadInput("A JSON-RPC message is an object, or an array of objects.", field=field)
        if message.get("jsonrpc") != "2.0":
            raise BadInput('A JSON-RPC 2.0 message carries "jsonrpc": "2.0".', field=f"{field}.jsonrpc")
        message_type = _type_of(message, field)
        rpc_id = _read_id(message["id"], f"{field}.id") if "id" in message else None
        method = _read_method(message["method"], f"{field}.method") if "method" in message else None
        if message_type is McpMessageType.NOTIFICATION and method == CANCELLED:
            rpc_id = _read_cancelled(message.get("params"), f"{field}.params.requestId")
        params = _read_params(message, field)
        result = _encode(message["result"], f"{field}.result") if "result" in message else None
        error = _read_error(message["error"], f"{field}.error") if "error" in message else None
        return Message(
            self._identity(envelope, message_type, rpc_id, method, params, result, error),
            message_type,
            envelope.at,
            envelope.server,
            envelope.direction,
            rpc_id,
            method,
            params,
            result,
            error,
        )

    def _identity(self, envelope: _Envelope, *content: str | None) -> UUID:
        """The row's key, the same whenever the same message is recorded.

        With a time: a UUIDv7 of that time whose random bits are a digest of instance, server, direction,
        time and content. Without: a UUIDv8 of the same digest and of how many equal messages this reader
        has seen, so that three servers may each be sent the same `initialize` in one call.
        """
        # JSON text holds no bare control character, so the separators cannot be forged.
        parts = ("\x01" if part is None else part for part in (envelope.server, envelope.direction, *content))
        digest = blake2b(self._instance + "\x00".join(parts).encode(), digest_size=16)
        if envelope.at is None:
            plain = digest.digest()
            digest.update(str(self._seen[plain]).encode())
            self._seen[plain] += 1
            return _uuid(int.from_bytes(digest.digest()), version=8)
        microseconds = (envelope.at - EARLIEST) // _MICROSECOND
        digest.update(str(microseconds).encode())
        random_bits = int.from_bytes(digest.digest()) & ((1 << 80) - 1)
        return _uuid(microseconds // 1000 << 80 | random_bits, version=7)


def _uuid(bits: int, *, version: int) -> UUID:
    """128 bits with version and variant set as in RFC 9562; `UUID(version=)` of Python 3.11 stops at 5."""
    bits = bits & ~(0xF << 76) | version << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


def _read_envelope(item: Mapping[str, object], field: str) -> _Envelope:
    for name in item.keys() - _WRAPPER:
        raise BadInput(
            "A recorded message has the members at, server, direction and message.", field=f"{field}.{name}"
        )
    server, direction, at = item.get("server"), item.get("direction"), item.get("at")
    if server is not None:
        server = _read_name(server, f"{field}.server")
    if direction is not None:
        direction = _read_direction(direction, f"{field}.direction")
    return _Envelope(None if at is None else _read_time(at, f"{field}.at"), server, direction)


def _read_direction(value: object, field: str) -> McpDirection:
    for direction in McpDirection:
        if direction == value:
            return direction
    raise BadInput('`direction` says who sent the message: "client" or "server".', field=field)


def _read_time(value: object, field: str) -> datetime:
    at = read_moment(value)
    if at is None:
        raise BadInput(
            "A time is an RFC 3339 text with its offset, in 1970 or later: 2026-11-21T19:26:28.068234+00:00.",
            field=field,
        )
    return at


def _type_of(message: Mapping[str, object], field: str) -> McpMessageType:
    """Request, response or notification by the members present (JSON-RPC 2.0, sections 4 and 5)."""
    if "method" in message:
        if "result" in message or "error" in message:
            raise BadInput("A message with a method carries no result and no error.", field=f"{field}.method")
        return McpMessageType.REQUEST if "id" in message else McpMessageType.NOTIFICATION
    if ("result" in message) == ("error" in message):
        raise BadInput(
            "A JSON-RPC message has a method, or one of result and error; this one has neither or both.",
            field=field,
        )
    if "id" not in message:
        raise BadInput("A response carries the id of its request, or null.", field=f"{field}.id")
    return McpMessageType.RESPONSE


def _read_id(value: object, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise BadInput("A JSON-RPC id is a string, a number or null.", field=field)
    value = _whole(value)
    if isinstance(value, str):
        value = mask_key(value)  # two ids stay two, so that each response finds its own request
    return _bounded(_encode(value, field), field)


def _read_cancelled(params: object, field: str) -> str | None:
    request_id = params.get("requestId") if isinstance(params, dict) else None
    return None if request_id is None else _read_id(request_id, field)


def _read_method(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadInput("A method is the name of what is asked for, a text.", field=field)
    return _read_name(value, field)


def _read_params(message: Mapping[str, object], field: str) -> str | None:
    """Arrays and objects; null, which some clients send for "none", counts as absent."""
    params = message.get("params")
    if params is None:
        return None
    if not isinstance(params, dict | list):
        raise BadInput("`params` is an object or an array.", field=f"{field}.params")
    return _encode(params, f"{field}.params")


def _read_error(value: object, field: str) -> str:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("message"), str)
        or not _is_whole(value.get("code"))
    ):
        raise BadInput("An error is an object with a whole number `code` and a text `message`.", field=field)
    # -32000.0 and -32000 are one number in JSON.
    return _encode({**value, "code": int(value["code"])}, field)


def _is_whole(value: object) -> bool:
    return isinstance(_whole(value), int) and not isinstance(value, bool)


def _whole(value: object) -> object:
    """The same, as a whole number where it is one: 1.0 and 1 are one number in JSON."""
    if isinstance(value, float) and not isinstance(value, ExactNumber) and value.is_integer():
        return int(value) if abs(value) < _EXACT else value
    return value


def _read_name(value: object, field: str) -> str:
    """A short text that PostgreSQL can store."""
    if not isinstance(value, str):
        raise BadInput("A text is needed here.", field=field)
    _encode(value, field)
    return mask_text(_bounded(value, field))[:_MAX_NAME]


def _bounded(text: str, field: str) -> str:
    if len(text) > _MAX_NAME:
        raise BadInput(f"At most {_MAX_NAME} characters fit here, these are {len(text):,}.", field=field)
    return text


def _encode(value: object, field: str) -> str:
    """JSON text with sorted names, masked; `BadInput` for what cannot be stored."""
    try:
        encoded = write_storable(value, sort=True)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None
    return masked(value, encoded).decode()
