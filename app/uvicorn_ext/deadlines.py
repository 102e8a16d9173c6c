"""uvicorn's HTTP protocol with what it lacks: deadlines for both directions, a bound on the headers."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.uvicorn_ext.whole_responses import WholeResponseProtocol

_MAXIMUM_HEADER_BYTES = 65_536

LEAST_TAKEN = 65_536
"""Bytes of a response that a client takes in the time it has, unless less is left."""

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel forgets what it has not sent, and resets the connection."""

_TIMED_OUT = b"408 Request Timeout"
_HEADERS_TOO_LARGE = b"431 Request Header Fields Too Large"


class DeadlineProtocol(WholeResponseProtocol):
    """Ends a connection on which a request takes longer than `arriving` seconds, headers and body.

    The time runs from the connection, or from the first byte after a response. A request that arrives
    in one piece, as nearly all do, costs no timer.

    It also ends a connection whose client takes less than `LEAST_TAKEN` bytes in `taking` seconds while more
    than that waits for it here. What the kernel holds is bounded by services/core/tcp_keepalive.py.
    """

    arriving: float
    taking: float

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._arriving = False
        self._in_headers = False
        self._header_bytes = 0
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited from now on."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client is slower than we are: see to it that it takes something."""
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        """The client has taken nearly all."""
        self._stop_watching()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see whether a request is still on its way."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            self._stop_waiting()
        elif self._in_headers and self._header_bytes > _MAXIMUM_HEADER_BYTES:
            self._refuse(_HEADERS_TOO_LARGE)
        elif self._arriving or self._running() is None:
            self._await_request()
        else:
            self._stop_waiting()

    def on_message_begin(self) -> None:
        """The first line of a request begins."""
        self._arriving = self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The application starts now."""
        self._in_headers = False
        self._header_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._arriving = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on the WebSocket protocol has deadlines of its own."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.arriving, self._refuse, _TIMED_OUT)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._patience = self.loop.call_later(self.taking, self._require_taken, waiting)

    def _stop_watching(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _require_taken(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() >= LEAST_TAKEN:
            self._watch_taking()
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _refuse(self, status: bytes) -> None:
        """Answer if nothing has been answered yet, and close; an application that runs is told."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        running = self._running()
        if running is None or not running.response_started:
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        if running is not None:
            running.disconnected = True
            running.message_event.set()
        self.transport.close()

    def _running(self) -> RequestResponseCycle | None:
        """The request that is being answered. uvicorn declares `cycle` without the None it starts as."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle


def deadline_protocol(arriving: float, taking: float) -> type[DeadlineProtocol]:
    """The protocol with its deadlines in seconds, as a class because uvicorn makes the instances."""
    return type("DeadlineProtocol", (DeadlineProtocol,), {"arriving": arriving, "taking": taking})
