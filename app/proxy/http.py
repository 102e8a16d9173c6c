"""`ccgraph mcp-proxy --url`: a Streamable HTTP server for a client on stdio, recorded."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, BinaryIO, Final, NoReturn

from app.bridge.server import Away, Exchange, Refused, Server
from app.config.errors import StartupError
from app.connect.mcp_servers import HEADER
from app.proxy.copies import Copies
from app.proxy.frames import CLIENT, SERVER
from app.proxy.recording import HANDING_OVER, record

_AT_ONCE: Final = 64
"""Requests under way; more wait."""

_AGAIN: Final = 2.0
"""Seconds until the stream of what the server tells unasked is opened again."""

_AWAY: Final = -32000

Json = Mapping[str, Any]


def run(server: str, instance: str | None, url: str, environment: Mapping[str, str] = os.environ) -> NoReturn:
    """Forward until the client closes its end. Raises: StartupError for a URL or header that is none."""
    try:
        remote = Server(url, None, _headers(environment), exact=True)
    except ValueError as error:
        raise StartupError(f"{error}.") from None
    copies = record(server, instance, (signal.SIGINT,))
    with suppress(KeyboardInterrupt):
        HttpProxy(remote, sys.stdin.buffer, sys.stdout.buffer, copies).run()
    if copies is not None:
        copies.end(HANDING_OVER)
    os._exit(0)


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable in environment:
        if variable.startswith(HEADER):
            name, colon, value = environment[variable].partition(":")
            if not colon or not name.strip():
                raise ValueError(f"The variable {variable} is not a header: write it as `Name: value`")
            found[name.strip()] = value.strip()
    return found


class HttpProxy:
    """Sends each line of `client` to the server as it is, and writes to `out` what comes back."""

    def __init__(self, server: Server, client: BinaryIO, out: BinaryIO, copies: Copies | None = None) -> None:
        self._server = server
        self._client = client
        self._out = out
        self._copies = copies
        self._writing = threading.Lock()
        self._under_way: dict[str, tuple[Exchange, str]] = {}
        self._changing = threading.Lock()
        self._renewing = threading.Lock()
        self._first: bytes | None = None
        self._stream = Exchange()
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve until the client closes its end: requests that are under way are answered, streams end."""
        with ThreadPoolExecutor(_AT_ONCE, "mcp") as pool:
            for line in self._client:
                if line.strip():
                    self._keep(CLIENT, line)
                    self._take(line.strip(), pool)
            self._ended.set()
            self._stream.break_off()
            with self._changing:
                for exchange, method in self._under_way.values():
                    if method == "subscriptions/listen":
                        exchange.break_off()
        with suppress(Away, Refused):
            self._server.end()

    def _take(self, line: bytes, pool: ThreadPoolExecutor) -> None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        message: Json = value if isinstance(value, dict) else {}
        if isinstance(value, list) or ("id" in message and "method" in message):
            exchange = Exchange()
            key = json.dumps(message.get("id"))
            with self._changing:
                self._under_way[key] = exchange, str(message.get("method"))
            pool.submit(self._forward, message, line, exchange, key)
            return
        if message.get("method") == "notifications/cancelled":
            self._cancel(message)
        # In their order, and before what comes next, which may build upon it.
        with suppress(Away, Refused):
            for text in self._asked(message, line, Exchange()):
                self._write(text)
        if message.get("method") == "notifications/initialized":
            threading.Thread(target=self._listen, name="told unasked", daemon=True).start()

    def _cancel(self, message: Json) -> None:
        """Close the stream of a request without a session: that is how revision 2026-07-28 cancels."""
        params = message.get("params")
        key = json.dumps(params.get("requestId") if isinstance(params, dict) else None)
        with self._changing:
            if key in self._under_way and self._server.negotiated is None:
                self._under_way[key][0].break_off()

    def _forward(self, message: Json, line: bytes, exchange: Exchange, key: str) -> None:
        try:
            for text in self._asked(message, line, exchange):
                if exchange.broken_off:
                    return
                if message.get("method") == "initialize":
                    self._first = line
                    self._note_revision(text)
                self._write(text)
        except Refused as error:
            self._tell(message, f"The MCP server refuses this: {error}", error.body)
        except Away as error:
            if not exchange.broken_off:
                self._tell(message, f"The MCP server is away: {error}.")
        except Exception as error:  # a fault of ours must not leave the client waiting
            self._tell(message, f"ccgraph mcp-proxy has failed: {type(error).__name__}.")
        finally:
            with self._changing:
                if self._under_way.get(key, (None,))[0] is exchange:
                    del self._under_way[key]

    def _asked(self, message: Json, line: bytes, exchange: Exchange) -> Iterator[bytes]:
        """The server's answers to a message; where its session has ended, after a new one has begun."""
        session = self._server.session
        try:
            yield from self._server.messages(dict(message), exchange, line)
        except Refused as error:
            if error.status != 404 or session is None or not self._renew(session):
                raise
            yield from self._server.messages(dict(message), exchange, line)

    def _renew(self, session: str) -> bool:
        """Begin a session in place of one that the server knows no more; whether there is one."""
        with self._renewing:
            if self._server.session != session:
                return True
            if self._first is None:
                return False
            self._server.session = None
            for text in self._server.messages({"method": "initialize"}, Exchange(), self._first):
                self._note_revision(text)
            ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            for _ in self._server.messages(ready, Exchange()):
                pass
            return True

    def _note_revision(self, text: bytes) -> None:
        with suppress(ValueError, AttributeError, KeyError, TypeError):
            self._server.negotiated = json.loads(text)["result"]["protocolVersion"]

    def _listen(self) -> None:
        """Pass on what the server sends unasked, until the client ends, or the server has no such stream."""
        while not self._ended.is_set():
            try:
                for text in self._server.told(self._stream):
                    self._write(text)
            except Refused:
                return
            except Away:
                pass
            self._ended.wait(_AGAIN)

    def _tell(self, message: Json, sentence: str, body: bytes = b"") -> None:
        """The error that the server has written for this request, or one that says what happened."""
        identity = message.get("id")
        with suppress(ValueError, AttributeError):
            told = json.loads(body)
            if told.get("jsonrpc") == "2.0" and "error" in told and told.get("id") == identity:
                self._write(json.dumps(told).encode())
                return
        error = {"code": _AWAY, "message": sentence}
        self._write(
            json.dumps({"jsonrpc": "2.0", "id": identity, "error": error}, ensure_ascii=False).encode()
        )

    def _write(self, text: bytes) -> None:
        with self._writing:
            self._keep(SERVER, text + b"\n")
            with suppress(OSError, ValueError):  # the client has gone; its closed end ends the loop
                self._out.write(text + b"\n")
                self._out.flush()

    def _keep(self, side: int, line: bytes) -> None:
        if self._copies is not None:
            self._copies.keep(side, line)
