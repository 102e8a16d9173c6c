"""Reads of a line what recording needs."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from app.proxy.lines import Line

LEFT_OUT: Final = "dev.ccgraph/leftOut"
"""Member of `_meta` that stands in place of what was too long; its value tells the bytes of the message."""

_MEMBERS: Final = ("id", "method", "params", "result", "error")
_ID_AT_END: Final = re.compile(
    rb'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)\s*(?:,\s*"jsonrpc"\s*:\s*"2.0"\s*)?\}\s*$'
)
_META_AT_END: Final = re.compile(
    rb'"_meta"\s*:\s*(\{[^{}]*\})\s*\}\s*'
    rb'(?:,\s*"(?:id|jsonrpc|method)"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)\s*)*\}\s*$'
)
_TOOL_USE: Final = "claudecode/toolUseId"
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_NAME: Final = re.compile(r'"name"\s*:\s*("(?:[^"\\]|\\.){1,200}")')

Json = Mapping[str, Any]


def read(line: Line) -> tuple[bytes, list[Json]] | None:
    """A line as JSON text in UTF-8, and the messages in it; None for one that is no JSON-RPC 2.0.

    Of a message that was too long there is what its beginning and its end tell: id, method, which tool.
    """
    if line.tail is not None:
        message = _cut(line)
        return None if message is None else (json.dumps(message).encode(), [message])
    text = line.head.strip(b" \t\r")
    try:
        value = json.loads(text.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    messages = value if isinstance(value, list) else [value]
    if not messages or not all(_is_message(message) for message in messages):
        return None
    return text, messages


def key(identity: object) -> str | None:
    """An id as text: 1 and "1" are two. None for what names no request."""
    if isinstance(identity, bool) or not isinstance(identity, str | int | float):
        return None
    if isinstance(identity, float) and identity.is_integer():
        identity = int(identity)
    return json.dumps(identity)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and value.get("jsonrpc") == "2.0"


def _cut(line: Line) -> Json | None:
    """A message of the same kind, id, method and tool in place of one that was too long."""
    found = dict(_members(line.head.decode(errors="replace")))
    if "id" not in found and (at_end := _ID_AT_END.search(line.tail or b"")):
        found["id"] = json.loads(at_end[1])
    note: dict[str, Any] = {"_meta": {LEFT_OUT: {"bytes": line.size}}}
    message: dict[str, Any] = {"jsonrpc": "2.0"}
    if key(found.get("id")) is not None:
        message["id"] = found["id"]
    if isinstance(found.get("method"), str):
        name = found.get("name")
        named = {"name": name} if isinstance(name, str) else {}
        note["_meta"] |= _tool_use(line.tail or b"")
        return {**message, "method": found["method"], "params": {**named, **note}}
    if "id" in message and "error" in found:
        return {**message, "error": {"code": 0, "message": "This error was too long to be recorded."}}
    if "id" in message and "result" in found:
        return {**message, "result": note}
    return None


def _tool_use(tail: bytes) -> Json:
    """The use of a tool that a request is of, from the `_meta` at the end of its params."""
    found = _META_AT_END.search(tail)
    try:
        meta = json.loads(found[1]) if found is not None else {}
    except ValueError:
        return {}
    return {_TOOL_USE: meta[_TOOL_USE]} if isinstance(meta.get(_TOOL_USE), str) else {}


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """The members of an object whose text is cut off; of one that is not whole there is None."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return
    decoder = json.JSONDecoder()
    at = _skip(text, at + 1)
    while (name := _STRING.match(text, at)) is not None:
        at = _skip(text, _skip(text, name.end()) + 1)
        member = json.loads(name[0])
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield member, None
            if member == "params" and (tool := _NAME.search(text, at)):
                yield "name", json.loads(tool[1])
            return
        if member in _MEMBERS:
            yield member, value
        at = _skip(text, _skip(text, at) + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()
