"""The server that messages go to: one HTTP request for each, over connections that are used again."""

import http.client
import json
import select
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from app.connect.client import HERE

Json = dict[str, Any]

MODERN: Final = "2026-07-28"
_POSITION: Final = "ccgraph/position"
"""In `_meta` of an answer: how far the server's log is after what was changed."""

_VERSION: Final = "io.modelcontextprotocol/protocolVersion"

_IDLE: Final = 2.0
"""Seconds after which a connection is not used again: the server may be about to close it."""

_TIMEOUT: Final = 10.0
"""Seconds for which a server that takes no connection is asked again: it may be starting anew."""

_CONNECT: Final = 5.0
_ANSWER: Final = 300.0
"""Seconds for a connection, and between two pieces of an answer; the server sends a sign of life each 15."""


class Away(Exception):
    """The server cannot be asked. `sent` says that it may have got the request."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class Refused(Exception):
    """The server refuses the HTTP request; the text is its own where it gave one. `body` is all it said."""

    def __init__(self, message: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Exchange:
    """One request under way, which another thread may break off."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.broken_off = False

    def holds(self, connection: http.client.HTTPConnection) -> None:
        """The request goes over this connection."""
        with self._lock:
            self._socket = connection.sock
        if self.broken_off:
            self.break_off()

    def break_off(self) -> None:
        """Close the connection, which tells the server that no client waits for the answer."""
        with self._lock:
            self.broken_off = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class Server:
    """`url` is the server's, with or without /mcp. `token` gives an access token, a new one if asked to.

    A server that is not ccgraph's has an `exact` URL, and its token, if any, among the `headers`. `ca` is a
    file of certificates that are trusted in place of those of the machine. Proxies are those of HTTPS_PROXY,
    http_proxy and NO_PROXY; a server of this machine is reached past them.

    Raises: ValueError for a URL, a proxy or certificates that cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[bool], str] | None,
        headers: dict[str, str],
        *,
        exact: bool = False,
        ca: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not the address of a server: write http://host:port")
        path = parts.path.rstrip("/")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._path = path if path.endswith("/mcp") else f"{path}/mcp"
        if exact:
            self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context = _context(ca) if parts.scheme == "https" else None
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._proxy = _proxy_to(parts.scheme, parts.hostname, parts.netloc)
        if self._proxy is not None and self._context is None:
            self._path = self.url + self._path
            headers = {**headers, **self._proxy.headers}
        self._token = token
        self._headers = headers
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self.negotiated: str | None = None
        """The revision that `initialize` has agreed on."""
        self.session: str | None = None
        """The session that the server has opened, if it keeps any."""
        self._position = None if exact else "0"

    def messages(self, message: Json, exchange: Exchange, body: bytes | None = None) -> Iterator[bytes]:
        """The messages of the answer, each the JSON text of one; `body` is the message as it is written.

        Raises: Away and Refused.
        """
        if body is None:
            body = json.dumps(message, ensure_ascii=False).encode()
        yield from self._answered("POST", body, self._headers_of(message), exchange)

    def told(self, exchange: Exchange) -> Iterator[bytes]:
        """The messages that the server sends a session unasked, until the stream ends.

        Raises: Away and Refused.
        """
        headers = {**self._headers_of({}), "accept": "text/event-stream"}
        del headers["content-type"]
        yield from self._answered("GET", None, headers, exchange)

    def end(self) -> None:
        """End the session. Raises: Away and Refused."""
        if self.session is not None:
            for _ in self._answered("DELETE", None, self._headers_of({}), Exchange()):
                pass

    def _answered(
        self, method: str, body: bytes | None, headers: dict[str, str], exchange: Exchange
    ) -> Iterator[bytes]:
        response, connection = self._ask(method, body, headers, exchange, renewed=False)
        try:
            for text in _read(response):
                if self._position is not None:
                    self._note_position(text)
                yield text
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise Away(f"the connection to {self.url} broke off ({error})", sent=True) from None
        except GeneratorExit:
            connection.close()
            raise
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def _note_position(self, text: bytes) -> None:
        """Let what is asked next be answered by a server that has what this answer tells of."""
        if _POSITION.encode() not in text:
            return
        result = json.loads(text).get("result")
        meta = result.get("_meta") if isinstance(result, dict) else None
        told = meta.get(_POSITION) if isinstance(meta, dict) else None
        if isinstance(told, str):
            self._position = told

    def _headers_of(self, message: Json) -> dict[str, str]:
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        revision = meta.get(_VERSION) if isinstance(meta, dict) else None
        headers = {
            **self._headers,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        if self._position is not None:
            headers["ccgraph-position"] = self._position
        if isinstance(revision, str):
            headers["mcp-protocol-version"] = revision
            headers["mcp-method"] = str(message.get("method", ""))
            name = params.get("name") or params.get("uri")
            if isinstance(name, str):
                headers["mcp-name"] = name
        elif message.get("method") != "initialize":
            if self.negotiated is not None:
                headers["mcp-protocol-version"] = self.negotiated
            if self.session is not None:
                headers["mcp-session-id"] = self.session
        return {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}

    def _ask(
        self, method: str, body: bytes | None, headers: dict[str, str], exchange: Exchange, *, renewed: bool
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        sent = headers
        if self._token is not None:
            sent = {**headers, "authorization": f"Bearer {self._token(renewed)}"}
        connection = self._connected(exchange)
        exchange.holds(connection)
        try:
            connection.request(method, self._path, body, sent)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Away(f"the connection to {self.url} broke off ({error})", sent=True) from None
        if response.status == 401 and not renewed and self._token is not None:
            response.read()
            connection.close()
            return self._ask(method, body, headers, exchange, renewed=True)
        if response.status >= 300:
            text = response.read()
            connection.close()
            raise Refused(_sentence(text, response.status), response.status, text)
        self.session = response.headers.get("mcp-session-id") or self.session
        return response, connection

    def _connected(self, exchange: Exchange) -> http.client.HTTPConnection:
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _IDLE and not _is_closed(connection):
                    return connection
                connection.close()
        until = time.monotonic() + _TIMEOUT
        while True:
            connection = self._connection()
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                if time.monotonic() > until or exchange.broken_off:
                    reason = error.strerror or error
                    hint = "" if self._token is None else ": is `ccgraph serve` running?"
                    raise Away(f"{self.url} does not answer ({reason}){hint}") from None
                time.sleep(0.2)
                continue
            if connection.sock is not None:
                connection.sock.settimeout(_ANSWER)
            return connection

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._host, self._port
        if self._proxy is not None:
            host, port = self._proxy.host, self._proxy.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=_CONNECT)
        connection = http.client.HTTPSConnection(host, port, timeout=_CONNECT, context=self._context)
        if self._proxy is not None:
            connection.set_tunnel(self._host, self._port, self._proxy.headers)
        return connection


@dataclass(frozen=True, slots=True)
class _Proxy:
    """The HTTP proxy between this machine and the server, and the headers that it wants."""

    host: str
    port: int
    headers: dict[str, str]


def _proxy_to(scheme: str, host: str, place: str) -> _Proxy | None:
    """The proxy by which a server is reached, as the environment says. Raises: ValueError."""
    named = getproxies().get(scheme)
    if named is None or host in HERE or proxy_bypass(place):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(
            f"The proxy for {scheme} cannot be used: write {scheme.upper()}_PROXY as http://host:port"
        )
    headers = {}
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["proxy-authorization"] = "Basic " + b64encode(credentials.encode()).decode()
    return _Proxy(parts.hostname, parts.port or 80, headers)


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it holds no certificate"
        raise ValueError(f"The certificates in {ca} cannot be used ({reason})") from error


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """True if the server has closed a connection on which no answer is awaited."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


def _read(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The messages of a JSON answer, or of an event stream."""
    if not (response.headers.get("content-type") or "").startswith("text/event-stream"):
        body = response.read()
        if body.strip() and response.status != 202:
            yield _one_line(body)
        return
    data: list[bytes] = []
    for line in response:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text and data:
            yield _one_line(b"\n".join(data))
            data = []


def _one_line(text: bytes) -> bytes:
    """The message as one line, which stdio requires; a break outside of texts becomes a blank."""
    return text.strip().replace(b"\r", b" ").replace(b"\n", b" ")


def _sentence(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The server has refused the request (HTTP status {status})."
