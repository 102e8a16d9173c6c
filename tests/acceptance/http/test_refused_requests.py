"""Requests refused before any GraphQL, over plain sockets: the answer arrives, and nothing is kept."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from app.config.settings import Settings
from app.uvicorn_ext.bounded_requests import MAXIMUM_HEADER_BYTES
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

JSON = b"content-type: application/json\r\n"
CHUNKED = b"POST /graphql HTTP/1.1\r\nhost: x\r\n" + JSON + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"maximum_body": 10_000, "request_timeout": 60})


@contextmanager
def connected(server: LiveServer) -> Iterator[socket.socket]:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as client:
        yield client


def rest(client: socket.socket) -> bytes:
    """All that arrives until the end; a reset is an error."""
    received = b""
    while chunk := client.recv(65_536):
        received += chunk
    return received


def exchange(server: LiveServer, request: bytes) -> bytes:
    """What is answered to a request that is sent as a whole before anything is read."""
    with connected(server) as client:
        client.sendall(request)
        return rest(client)


@pytest.mark.parametrize("size", [10_001, 200_000, 5_000_000, 50_000_000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "headers first"])
def test_a_body_past_the_limit_is_told_to_a_client_that_sends_all_before_it_reads(
    live_server: LiveServer, size: int, chunked: bool, pause: float
) -> None:
    head = (
        CHUNKED
        if chunked
        else b"POST /graphql HTTP/1.1\r\nhost: x\r\n" + JSON + b"content-length: %d\r\n\r\n" % size
    )
    piece = b" " * 10_000
    with connected(live_server) as client:
        client.sendall(head)
        time.sleep(pause)
        for begin in range(0, size, len(piece)):
            part = piece[: size - begin]
            client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        answer = rest(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"A request body has at most 10000 bytes." in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_never_ends_its_body_reads_the_answer_and_is_cut_off(
    live_server: LiveServer, chunked: bool
) -> None:
    head = (
        CHUNKED if chunked else CHUNKED.replace(b"transfer-encoding: chunked", b"content-length: 9999999999")
    )
    piece = b" " * 100_000
    part = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
    began = time.monotonic()
    with connected(live_server) as client:
        client.sendall(head + part)
        assert client.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 413"
        with suppress(ConnectionError):
            while time.monotonic() - began < PATIENCE:
                client.sendall(part)
    assert time.monotonic() - began < PATIENCE


def test_who_waits_for_leave_to_send_is_refused_at_once(live_server: LiveServer) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\n"
        + JSON
        + b"expect: 100-continue\r\ncontent-length: 20000\r\n\r\n"
    )
    # Otherwise it would wait for a body that does not come, and say that in the end.
    assert exchange(live_server, head).startswith(b"HTTP/1.1 413 ")


def test_trailers_are_counted_and_not_kept(live_server: LiveServer) -> None:
    for trailers in (
        b"a:b\r\n" * 13_000 * 20,
        b"a: " + b"b" * 1_000_000,
        (b"a: " + b"b" * 60_000 + b"\r\n") * 20,
    ):
        answer = exchange(live_server, CHUNKED + b'5\r\n{"a":\r\n0\r\n' + trailers)
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]


def test_a_few_trailers_do_no_harm_and_are_no_headers(live_server: LiveServer) -> None:
    body = b'{"query":"{ me { id } }"}'
    request = CHUNKED + b"%x\r\n%b\r\n0\r\nAuthorization: Bearer x\r\nHost: y\r\n\r\n" % (len(body), body)
    with connected(live_server) as client:
        for _ in range(2):  # the connection goes on
            client.sendall(request)
            with HTTPResponse(client) as answer:
                answer.begin()
                assert b"Send an access token" in answer.read()


def test_a_chunk_extension_without_end_is_refused(live_server: LiveServer) -> None:
    assert exchange(live_server, CHUNKED + b"5;" + b"x" * 1_000_000).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("size", [0, 1, 5_000, 300_000])
def test_headers_are_bounded_to_the_byte(live_server: LiveServer, size: int) -> None:
    kept = len(b"/healthz") + len(b"host: x\r\n") + len(b"connection: close\r\n") + len(b"filler: \r\n")
    filler = b"y" * (MAXIMUM_HEADER_BYTES - kept + size)
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nfiller: " + filler + b"\r\n\r\n"
    status = b"200" if size == 0 else b"431"
    assert exchange(live_server, request).startswith(b"HTTP/1.1 " + status)


def test_headers_that_do_not_end_are_refused_when_they_are_too_many(live_server: LiveServer) -> None:
    begin = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
    for fields in (b"filler: " + b"y" * 66_000, (b"filler: " + b"y" * 8_000 + b"\r\n") * 9):
        for pause in (0.0, 0.2):
            with connected(live_server) as client:
                client.sendall(begin)
                time.sleep(pause)
                client.sendall(fields)
                assert client.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 431"


def test_requests_that_come_together_are_not_counted_as_one(live_server: LiveServer) -> None:
    request = b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n" + b" " * 9_000
    with connected(live_server) as client:
        client.sendall(request * 20 + request[:30])
        time.sleep(0.3)
        client.sendall(request[30:].replace(b"content-length", b"connection: close\r\ncontent-length"))
        answer = rest(client)
    assert answer.count(b"HTTP/1.1 ") == 21
    assert b"431" not in answer


def test_a_target_is_counted_as_well(live_server: LiveServer) -> None:
    answer = exchange(live_server, b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"host: x\r\nhost: x\r\n",
        b"host: x\r\nHOST: y\r\n",
        b"host: x\r\nauthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        b"host: x\r\ncontent-type: text/plain\r\ncontent-type: application/json\r\n",
    ],
    ids=["no host", "host twice", "two hosts", "two authorizations", "two content types"],
)
@pytest.mark.parametrize("upgrade", [False, True], ids=["plain", "websocket"])
def test_a_request_that_can_be_read_in_two_ways_is_refused(
    live_server: LiveServer, fields: bytes, upgrade: bool
) -> None:
    if upgrade:
        fields += (
            b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
        )
    answer = exchange(live_server, b"GET /graphql HTTP/1.1\r\n" + fields + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Send " in answer


def test_version_1_0_needs_no_host(live_server: LiveServer) -> None:
    assert exchange(live_server, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
