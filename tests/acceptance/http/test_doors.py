"""What browsers and odd clients send at the doors: an answer for each, and no stack trace in the log."""

import base64
import json
import socket
import struct
import time
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import jwt
import pytest

from app.config.settings import Settings
from app.main import create_app
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

Quiet: TypeAlias = Callable[[], None]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Quiet:
    """Asserts that neither uvicorn nor we logged a fault."""

    def check() -> None:
        assert not [record.getMessage() for record in caplog.records if record.exc_info]
        told = "".join(capfd.readouterr())
        assert "Traceback" not in told
        assert "websocket_broken" not in told

    return check


async def test_cors_allows_what_clients_send_and_shows_what_the_server_answers(settings: Settings) -> None:
    created = create_app(settings.model_copy(update={"allowed_origins": "https://app.example"}))
    async with created.router.lifespan_context(created):
        transport = httpx.ASGITransport(created)
        async with httpx.AsyncClient(transport=transport, base_url="http://ccgraph.test") as client:
            asked = "authorization,ccgraph-position,content-type,last-event-id,x-request-id"
            preflight = await client.options(
                "/graphql",
                headers={
                    "origin": "https://app.example",
                    "access-control-request-method": "POST",
                    "access-control-request-headers": asked,
                },
            )
            answer = await client.post(
                "/graphql", json={"query": "{ me { id } }"}, headers={"origin": "https://app.example"}
            )
    assert preflight.status_code == 200
    allowed = preflight.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert set(asked.split(",")) <= set(allowed)
    shown = set(answer.headers["access-control-expose-headers"].lower().replace(" ", "").split(","))
    # The safelisted ones need no permission (Fetch, 2.2.2).
    assert {
        "ccgraph-position",
        "x-request-id",
        "retry-after",
        "www-authenticate",
        "x-socket-id",
    } == shown


def upgrade(server: LiveServer, *headers: bytes) -> socket.socket:
    """A handshake with headers as they are."""
    host, port = server.url.removeprefix("http://").split(":")
    opened = socket.create_connection((host, int(port)), timeout=PATIENCE)
    opened.sendall(
        b"GET /graphql HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
        b"sec-websocket-key: "
        + base64.b64encode(b"0" * 16)
        + b"\r\n"
        + b"".join(header + b"\r\n" for header in headers)
        + b"\r\n"
    )
    return opened


def status(opened: socket.socket) -> int:
    """The status of an answer, of which its head is read, however many pieces it comes in."""
    with HTTPResponse(opened) as answer:
        answer.begin()
        return answer.status


@pytest.mark.parametrize("origin", [b"http://[::1", b"http://]", b"http://\xff", b"["])
def test_a_handshake_with_half_an_origin_is_forbidden(
    live_server: LiveServer, quiet: Quiet, origin: bytes
) -> None:
    with upgrade(live_server, b"origin: " + origin) as opened:
        assert status(opened) == 403
    quiet()


@pytest.mark.parametrize(
    "pieces", [(b"\xff",), (b"{", b"\xe2\x82"), (b'{"type":"ping","x":"\xed\xa0\x80"}',)]
)
def test_a_text_that_is_no_utf_8_ends_the_connection_quietly(
    live_server: LiveServer, quiet: Quiet, pieces: tuple[bytes, ...]
) -> None:
    with upgrade(live_server) as opened:
        assert status(opened) == 101
        for number, piece in enumerate(pieces):
            head = (0x80 if number == len(pieces) - 1 else 0) | (1 if number == 0 else 0)
            opened.sendall(bytes((head, 0x80 | len(piece))) + bytes(4) + piece)
        frame = opened.recv(4, socket.MSG_WAITALL)
    assert frame[0] == 0x88
    assert struct.unpack(">H", frame[2:4]) == (1007,)
    quiet()


@pytest.mark.parametrize("first", [b'{"type":"ping"}', b"nonsense"], ids=["an answer", "a close"])
@pytest.mark.parametrize(
    "then", [b"\x81\x81\0\0\0\0\xff", b"\x83\x80\0\0\0\0", b"\x88\x80\0\0\0\0", b"\x81\x01x"]
)
def test_a_connection_that_ends_while_it_is_answered_ends_quietly(
    live_server: LiveServer, quiet: Quiet, first: bytes, then: bytes
) -> None:
    for _ in range(5):
        with upgrade(live_server) as opened:
            assert status(opened) == 101
            opened.sendall(bytes((0x81, 0x80 | len(first))) + bytes(4) + first + then)
            while opened.recv(1000):
                pass
    quiet()


def claims(**changed: Any) -> dict[str, Any]:
    return {"sub": "1", "jti": str(uuid4()), "exp": int(time.time()) + 900, "typ": "access", **changed}


ODD: dict[str, tuple[Any, ...]] = {
    "exp": ("tomorrow", 10**20, -(10**20), None, [1], {}, 1e300, "x"),
    "sub": (1, None, [], "x", "+1", "9" * 5_000, "１"),
    "jti": (1, None, {}, "x", "0" * 31 + "_"),
    "typ": (1, None, [], {}, "admin"),
    "nbf": ("x", [], 10**30),
    "iat": ("x", [], 10**30),
    "aud": ("x",),
}


async def test_odd_claims_under_our_own_key_are_no_token(
    live_server: LiveServer, settings: Settings, quiet: Quiet
) -> None:
    key = settings.signing_key()
    tokens = [_signed(key, claims(**{name: value})) for name, values in ODD.items() for value in values]
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=")
    tokens += [f"{deep}.{deep}.x", "a.b.c", "..", ".", "é.é.é", "=.=.=", f"{deep}", "null.null.null"]
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        for token in tokens:
            answer = await client.post(
                "/graphql",
                json={"query": "{ me { id } }"},
                headers={b"authorization": b"Bearer " + token.encode()},
            )
            assert answer.status_code == 401, (token[:200], answer.text)
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    quiet()


def _signed(key: str, payload: dict[str, Any]) -> str:
    return jwt.api_jws.encode(json.dumps(payload).encode(), key, algorithm="HS256")
