"""What app/uvicorn_ext relies on: a test that fails here says what another uvicorn has changed."""

import ast
import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from app import uvicorn_ext
from app.compat.uvicorn_protocols import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
    WebSocketsSansIOProtocol,
    running_cycle,
)
from app.uvicorn_ext.deadlines import DeadlineProtocol
from app.uvicorn_ext.frames import FrameProtocol

HTTP = {
    "cycle": (
        "send",
        "scope",
        "keep_alive",
        "disconnected",
        "response_started",
        "response_complete",
        "message_event",
        "on_response",
    ),
    "flow": ("write_paused", "resume_reading"),
    "headers": (),
    "loop": ("call_later",),
    "parser": ("get_http_version",),
    "pipeline": ("clear",),
    "scope": (),
    "server_state": ("default_headers",),
    "transport": (
        "write",
        "write_eof",
        "can_write_eof",
        "close",
        "abort",
        "is_closing",
        "get_extra_info",
        "get_write_buffer_size",
    ),
}
"""Attributes of uvicorn's HTTP protocol while a request is answered, and what is asked of each."""

WEBSOCKET = {
    "close_sent": (),
    "conn": ("send_close",),
    "curr_msg_data_type": (),
    "frames": (),
    "handle_parser_exception": (),
    "handshake_complete": (),
    "initial_response": (),
    "scope": (),
    "transport": ("write", "writelines", "is_closing"),
    "writable": ("is_set",),
}
"""Attributes of its WebSocket protocol while messages come."""

BEFORE_OPEN = ("request", "response")
"""Attributes that are there until the handshake is done."""

FOLDER = Path(uvicorn_ext.__path__[0])


def taken(protocol: type) -> set[str]:
    """The attributes that the classes of app/uvicorn_ext take of uvicorn's protocol: of `self`."""
    ours = [owner for owner in protocol.__mro__ if owner.__module__.startswith("app.")]
    asked: set[str] = set()
    made: set[str] = set()
    for owner in ours:
        made |= {*vars(owner), *owner.__annotations__}
        for node in ast.walk(ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner)))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            ):
                target = made if node.attr.startswith("_") else asked
                target.add(node.attr)
    return asked - made


@asynccontextmanager
async def listening(app: Any, http: type, websocket: type) -> AsyncIterator[int]:
    """A port on which uvicorn's protocols talk with an application."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", http=http, ws=websocket)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: http(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in [*state.connections]:
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def lacking(protocol: object, relied_on: dict[str, tuple[str, ...]]) -> list[str]:
    """What is not there any more."""
    return [
        ".".join((name, *inner))
        for name, inners in relied_on.items()
        for inner in [(), *((inner,) for inner in inners)]
        if not hasattr(protocol, name) or (inner and not hasattr(getattr(protocol, name), inner[0]))
    ]


def test_everything_that_is_taken_of_the_protocols_is_named_here() -> None:
    assert taken(DeadlineProtocol) == {*HTTP}
    assert taken(FrameProtocol) == {*WEBSOCKET, *BEFORE_OPEN}


def overridden(ours: type, theirs: type) -> dict[str, Callable[..., Any]]:
    """The public methods of uvicorn's class that one of ours overrides."""
    return {
        name: getattr(ours, name)
        for name, method in inspect.getmembers(theirs, inspect.isfunction)
        if not name.startswith("_") and getattr(ours, name) is not method
    }


def test_the_methods_that_are_overridden_are_called_with_the_same_parameters() -> None:
    for ours, theirs, names in (
        (
            DeadlineProtocol,
            HttpToolsProtocol,
            "connection_lost connection_made data_received eof_received handle_websocket_upgrade on_body"
            " on_header on_headers_complete on_message_begin on_message_complete on_url pause_writing"
            " resume_writing send_400_response",
        ),
        (
            FrameProtocol,
            WebSocketsSansIOProtocol,
            "handle_connect send send_receive_event_to_app start_keepalive",
        ),
    ):
        found = overridden(ours, theirs)
        assert sorted(found) == names.split(), f"of {theirs.__name__}"
        for name, method in found.items():
            expected = [*inspect.signature(getattr(theirs, name)).parameters]
            assert [*inspect.signature(method).parameters] == expected, name


async def test_a_request_that_is_answered_has_all_that_is_taken() -> None:
    seen: list[HttpToolsProtocol] = []
    found: list[str] = []

    class Spy(HttpToolsProtocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            seen.append(self)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.extend(lacking(seen[0], HTTP))
        assert isinstance(running_cycle(seen[0]), RequestResponseCycle)
        assert seen[0].cycle.send == send
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        assert running_cycle(seen[0]) is None

    async with listening(app, Spy, WebSocketsSansIOProtocol) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n" == STATUS_LINE[200]
        writer.close()
        await writer.wait_closed()
    assert found == []


async def test_a_websocket_has_all_that_is_taken() -> None:
    seen: list[WebSocketsSansIOProtocol] = []
    found: list[str] = []

    class Spy(WebSocketsSansIOProtocol):
        def handle_connect(self, event: Any) -> None:
            seen.append(self)
            super().handle_connect(event)
            found.extend(name for name in BEFORE_OPEN if not hasattr(self, name))
            assert self.response.status_code == 101

        def send_receive_event_to_app(self) -> None:
            found.extend(lacking(self, WEBSOCKET))
            assert (self.curr_msg_data_type, b"".join(self.frames)) == ("text", b"one")
            assert self.handshake_complete
            assert not self.close_sent
            assert self.initial_response is None
            super().send_receive_event_to_app()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})
        await send({"type": "websocket.close", "code": 1000})

    async with (
        listening(app, HttpToolsProtocol, Spy) as port,
        connect(f"ws://127.0.0.1:{port}/", proxy=None) as socket,
    ):
        await socket.send("one")
        assert await socket.recv() == "one"
    assert len(seen) == 1
    assert found == []
