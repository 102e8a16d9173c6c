"""A small HTTP server that receives what `app/connect` sends, and can be made to refuse, wait and go away.

It keeps to the interface of the receivers, so that a test sees each request, also of a server in trouble.
"""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_servers import answering

TOKEN = "an-ingest-token"


@dataclass
class Received:
    """The requests in the order in which they came; `refuse` may give a status and headers for one.

    `named` are the ids of single hooks, also of those that were refused; `strangers` counts requests with
    another token.
    """

    url: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)
    named: list[str | None] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    token: str = TOKEN
    strangers: int = 0
    refuse: Callable[[str, bytes], tuple[int, dict[str, str]] | None] = lambda path, body: None
    answer: Callable[[str, Any], Any] = lambda path, value: None
    date: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, path: str) -> list[Any]:
        """The bodies that came to a path of the receivers."""
        with self.lock:
            return [body for where, body in self.requests if where == path]

    @property
    def hooks(self) -> list[dict[str, Any]]:
        """The hooks, from wherever they came."""
        found = []
        for body in self.of("/ingest/claude-code/hooks"):
            found += [one.get("hook", one) for one in (body if isinstance(body, list) else [body])]
        return found

    @property
    def transcripts(self) -> list[dict[str, Any]]:
        return self.of("/ingest/claude-code/transcripts")

    @property
    def processes(self) -> list[dict[str, Any]]:
        return self.of("/ingest/claude-code/processes")

    def keep(self, part: dict[str, Any]) -> int:
        """Lay a part of a transcript where it belongs; the bytes that are known from the start."""
        known = self.files.get(part["file"], b"")
        content = part["text"].encode()
        assert part["end"] - part["offset"] == len(content)
        if part["offset"] > len(known):
            return len(known)
        self.files[part["file"]] = known[: part["offset"]] + content
        return len(self.files[part["file"]])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: Received

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.received.date or super().date_time_string(timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return

    def do_GET(self) -> None:
        if not self._admitted(b""):
            return
        parts = urlsplit(self.path)
        if parts.path.endswith("/recent"):
            self._answer(200, self._recent())
        else:
            file = parse_qs(parts.query)["file"][0]
            self._answer(200, {"offset": len(self.received.files.get(file, b""))})

    def do_POST(self) -> None:
        body = self._body()
        if not self._admitted(body):
            return None
        value = json.loads(body)
        with self.received.lock:
            self.received.requests.append((self.path, value))
            if isinstance(value, dict) and "text" in value:
                offset = self.received.keep(value)
                return self._answer(200, {"stored": 1, "unreadable": 0, "offset": offset})
        answer = self.received.answer(self.path, value)
        if self.path.endswith("/hooks") and isinstance(value, dict):
            return self._answer(204 if answer is None else 200, answer)
        return self._answer(200, {"stored": 1, "unreadable": 0})

    def _admitted(self, body: bytes) -> bool:
        if self.headers.get("Authorization") != f"Bearer {self.received.token}":
            self._answer(401, {"error": "The ingest token was revoked."})
            self.received.strangers += 1
            return False
        if self.path.endswith("/hooks"):
            self.received.named.append(self.headers.get("CCGraph-Hook"))
        refusal = self.received.refuse(self.path, body)
        if refusal is not None:
            self._answer(refusal[0], {"error": "Not now."}, refusal[1])
        return refusal is None

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, told in (headers or {}).items():
            self.send_header(name, told)
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # it no longer waits
            self.end_headers()
            self.wfile.write(body)

    def _recent(self) -> dict[str, Any]:
        sources: dict[str, Any] = {}
        hooks: dict[str, Any] = {}
        for path, body in self.received.requests:
            name = (
                path.rsplit("/", 1)[-1].removesuffix("s")
                if "claude-code" in path
                else path.rsplit("/", 1)[-1]
            )
            name = "processes" if name == "processe" else name
            if name == "hook":
                for hook in body if isinstance(body, list) else [body]:
                    _count(hooks, hook.get("hook", hook)["hook_event_name"])
            else:
                _count(sources, name)
        return {"now": "2026-01-31T12:00:00+00:00", "sources": sources, "hooks": hooks}


def _count(found: dict[str, Any], name: str) -> None:
    entry = found.setdefault(name, {"received": 0, "refused": 0, "last_at": "2026-01-31T12:00:00+00:00"})
    entry["received"] += 1


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Received]:
    """Receive on a port of this machine until the block ends."""
    received = Received()
    handler = type("Handler", (_Handler,), {"received": received})
    with answering(handler, port, tls) as found:
        received.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{found}"
        yield received
