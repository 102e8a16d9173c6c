"""Talks to a server over HTTP: TLS, also with an authority of one's own, proxies, no redirects."""

import gzip
import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

from app.config.errors import StartupError
from app.connect.connection import Server
from app.connect.scripts import PATHS

_TIMEOUT: Final = 30.0
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer."""
_WORTH_COMPRESSING: Final = 1024
HERE: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts that are this machine: no proxy stands before them."""


class Unreachable(Exception):
    """No answer came; `str()` says why, in a phrase."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer. `date` is its clock, `retry_after` the seconds that it asks to wait."""

    status: int
    body: bytes = field(repr=False)
    date: str | None = None
    retry_after: float | None = None

    def json(self) -> Any:
        """The body as a value, None when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def is_settled(self) -> bool:
        """True if the records need not be sent again: they are stored, or will never be taken."""
        return self.status < 300 or self.status in (400, 413)

    @property
    def sentence(self) -> str:
        """The reason that the server gives for a refusal."""
        value = self.json()
        told = value.get("error", value.get("message")) if isinstance(value, dict) else None
        if isinstance(told, dict):
            told = told.get("message")
        text = told if isinstance(told, str) else self.body[:300].decode(errors="replace").strip()
        return text or f"status {self.status}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


class Client:
    """Requests to one server; `token` goes with each."""

    def __init__(self, server: Server, token: str | None = None, *, timeout: float = _TIMEOUT) -> None:
        self.server = server
        self._token = token
        self._timeout = timeout
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if server.url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_context(server)))
        self._is_near = urlsplit(server.url).hostname in HERE
        if self._is_near:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **query: str) -> Answer:
        """Ask. Raises: Unreachable."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        url = self.server.url + path + (f"?{asked}" if asked else "")
        return self._send(urllib.request.Request(url))  # noqa: S310 - server_of lets http and https pass

    def post(self, path: str, value: Any) -> Answer:
        """Send JSON, compressed when it is long and goes far. Raises: Unreachable."""
        return self.post_text(path, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))

    def post_text(self, path: str, body: bytes) -> Answer:
        """Send a text that is JSON. Raises: Unreachable."""
        headers = {"Content-Type": "application/json"}
        if len(body) >= _WORTH_COMPRESSING and not self._is_near:
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        url = self.server.url + path
        return self._send(urllib.request.Request(url, body, headers, method="POST"))  # noqa: S310

    def _send(self, request: urllib.request.Request) -> Answer:
        request.add_header("User-Agent", "ccgraph command line")
        request.add_header("Accept", "application/json")
        if self._token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _read(answer.status, answer.headers, answer)
        except urllib.error.HTTPError as error:
            with error:
                return _read(error.code, error.headers, error)
        except urllib.error.URLError as error:
            raise Unreachable(_reason(error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(_reason(error)) from error


def server_of(url: str, ca: str | None = None) -> Server:
    """A server as a person names it. Raises: StartupError for a URL that is none."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port
    except ValueError:
        port = -1
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise StartupError(f"{url} is not the URL of a server: write it as https://ccgraph.example.com.")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise StartupError("Give the server's URL without a name, password, query or fragment.")
    path = parts.path.rstrip("/").removesuffix("/graphql")
    return Server(f"{parts.scheme}://{parts.netloc}{path}", ca)


def recent(client: Client) -> Answer:
    """The records that the server received last with this token."""
    return client.get(PATHS["recent"])


def _read(status: int, headers: Message, body: IO[bytes]) -> Answer:
    content = body.read(_MOST_BYTES)
    told = headers.get("Retry-After", "")
    wait = float(told) if told.isdecimal() else None
    return Answer(status, content, headers.get("Date"), wait)


def _context(server: Server) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it holds no certificate"
        raise StartupError(f"The certificates in {server.ca} cannot be used ({reason}).") from error


def _reason(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
