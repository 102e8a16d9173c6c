"""The messages of graphql-transport-ws that a client may send, checked for their shape.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, TypeAlias

from services.core.json_codec import read_json, write_json


class InvalidMessage(Exception):
    """No message that a client may send; the connection is to be closed with 4400 and this reason."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message: `payload` carries what the client calls its connection parameters."""

    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping, to be answered with a pong at once."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping of ours, or unasked."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Begin an operation of any kind under an id of the client's choice; `parameters` are as over HTTP.

    `size` is the number of characters of the message, `body` its parameters as the body of a POST; None for
    what JSON cannot say.
    """

    id: str
    parameters: Mapping[str, Any]
    size: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


ClientMessage: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete


def parse(text: str) -> ClientMessage:
    """The message in `text`, or `InvalidMessage`."""
    try:
        message = read_json(text)
    except (JSONDecodeError, UnicodeEncodeError):
        raise InvalidMessage("The message is not valid JSON") from None
    if not isinstance(message, dict):
        raise InvalidMessage("The message is not a JSON object")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_object(message, "payload") or {})
        case "ping":
            _object(message, "payload")
            return Ping()
        case "pong":
            _object(message, "payload")
            return Pong()
        case "subscribe":
            parameters = _parameters(message)
            return Subscribe(_id(message), parameters, len(text), _body(parameters))
        case "complete":
            return Complete(_id(message))
        case str() as other:
            raise InvalidMessage(f"A client does not send messages of type {other[:40]!r}")
        case _:
            raise InvalidMessage("The message has no type")


def _id(message: Mapping[str, Any]) -> str:
    match message.get("id"):
        case str() as id_ if id_:
            return id_
        case _:
            raise InvalidMessage(f"The {message['type']} message needs an id that is a string and not empty")


def _parameters(message: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = _object(message, "payload")
    if payload is None:
        raise InvalidMessage("The subscribe message needs a payload")
    for name in ("query", "documentId", "operationName"):
        if not isinstance(payload.get(name), str | None):
            raise InvalidMessage(f"{name} is not a string")
    _object(payload, "variables")
    extensions = _object(payload, "extensions")
    named = payload.get("documentId") is not None or (extensions or {}).get("persistedQuery") is not None
    if payload.get("query") is None and not named:
        raise InvalidMessage("The subscribe message needs a query, or the id of a document")
    return payload


def _body(parameters: Mapping[str, Any]) -> bytes | None:
    """Written anew, since the id of an operation stands in the message and is never the same."""
    try:
        return write_json(parameters)
    except TypeError:
        return None


def _object(container: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = container.get(name)
    if not isinstance(value, dict | None):
        raise InvalidMessage(f"{name} is not a JSON object")
    return value
