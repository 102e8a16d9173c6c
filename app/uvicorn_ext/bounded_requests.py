"""uvicorn's HTTP protocol with bounds on headers and trailers, and refusals that clients can read."""

import asyncio
from typing import Any, Final, NoReturn

from app.compat.uvicorn_protocols import RequestResponseCycle, running_cycle
from app.uvicorn_ext.whole_responses import WholeResponseProtocol

MAXIMUM_HEADER_BYTES: Final = 65_536
"""Bytes of the request target and of all header and trailer fields, each with its separators."""

_SEPARATORS: Final = len(b": \r\n")

_ONCE: Final = (b"host", b"authorization", b"content-type")
"""Fields of which two could be read differently here and by a proxy (RFC 9110, 5.3; RFC 9112, 3.2)."""

LINGERING_BYTES: Final = 64_000_000
LINGERING_SECONDS: Final = 5.0
"""What is thrown away of a request that was refused while it was being sent, before the connection ends.

A connection that ends with unread bytes is reset, and the client may lose the answer.
"""

_TOO_LARGE: Final = b"431 Request Header Fields Too Large", "Send at most 65536 bytes of header fields."


class RefusedRequest(Exception):
    """Raised in a callback of the parser, which stops there; the answer is written behind it."""


class BoundedRequestProtocol(WholeResponseProtocol):
    """Counts header and trailer fields, and refuses requests that can be read in two ways.

    A field is counted once it is complete. One that does not end is noticed by the bytes of its request's
    headers, or in a body by those that complete nothing; so up to one read more is kept.
    Trailers are counted and dropped.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_request = False
        self._in_headers = False
        self._requests = 0
        self._field_bytes = 0
        self._unparsed = 0
        self._progress = False
        self._refusal: tuple[bytes, str] | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._dropped = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop throwing bytes away, as the connection is closed."""
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """The client has sent all: where it was refused, it has the answer."""
        if self._lingering is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, or throw away what follows a refused request."""
        if self._lingering is not None:
            self._dropped += len(data)
            if self._dropped > LINGERING_BYTES:
                self.transport.close()
            return
        # Else the headers that this read ends in may have begun anywhere in it.
        most = 0 if self._in_request else 1
        self._requests = 0
        self._progress = False
        super().data_received(data)
        if self._in_headers and self._requests <= most:
            self._unparsed += len(data)
        elif self._progress:
            self._unparsed = 0
        else:
            self._unparsed += len(data)
        if self._unparsed > MAXIMUM_HEADER_BYTES:
            self.refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first line of a request begins."""
        self._progress = self._in_request = self._in_headers = True
        self._requests += 1
        self._field_bytes = self._unparsed = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        self._field_bytes += len(url)
        if self._field_bytes > MAXIMUM_HEADER_BYTES:
            self._stop(*_TOO_LARGE)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the headers, or of the trailers, which mean nothing here."""
        self._progress = True
        self._field_bytes += len(name) + len(value) + _SEPARATORS
        if self._field_bytes > MAXIMUM_HEADER_BYTES:
            self._stop(*_TOO_LARGE)
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The application starts now."""
        self._progress = True
        self._in_headers = False
        names = [name for name, _ in self.headers]
        for name in _ONCE:
            if names.count(name) > 1:
                self._stop(b"400 Bad Request", f"Send one {name.decode().title()} header.")
        if self.parser.get_http_version() == "1.1" and b"host" not in names:
            self._stop(b"400 Bad Request", "Send a Host header.")
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """The size of a chunk is read."""
        self._progress = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._progress = True
        self._in_request = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what could not be parsed, or what a callback refused."""
        self.refuse(*(self._refusal or (b"400 Bad Request", msg)))

    def refuse(self, status: bytes, message: str) -> None:
        """Answer if nothing has been answered yet, and end the connection; an application that runs is told.

        The end is told at once. What the client still sends is thrown away for a while.
        """
        if self.transport.is_closing() or self._lingering is not None:
            return
        running = self._running()
        if running is None or not running.response_started:
            body = message.encode("ascii")
            self.transport.write(
                b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%b" % (status, len(body), body)
            )
        if running is not None:
            running.disconnected = True
            running.message_event.set()
        self.pipeline.clear()
        self._lingering = self.loop.call_later(LINGERING_SECONDS, self.transport.close)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _stop(self, status: bytes, message: str) -> NoReturn:
        self._refusal = status, message
        raise RefusedRequest

    def _running(self) -> RequestResponseCycle | None:
        return running_cycle(self)
