"""uvicorn's HTTP protocol with deadlines for both directions."""

import asyncio
import socket
import struct
from typing import Any

from app.uvicorn_ext.bounded_requests import BoundedRequestProtocol

LEAST_TAKEN = 65_536
"""Bytes of a response that a client takes in the time it has, unless less is left."""

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel forgets what it has not sent, and resets the connection."""

_TIMED_OUT = b"408 Request Timeout", "The request did not arrive in time."


class DeadlineProtocol(BoundedRequestProtocol):
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
        self._stalled: asyncio.TimerHandle | None = None
        self._arriving = False
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited from now on."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all deadlines, as the connection is closed."""
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
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            self._stop_waiting()
        elif self._arriving or self._running() is None:
            self._await_request()
        else:
            self._stop_waiting()

    def on_message_begin(self) -> None:
        """The first line of a request begins."""
        self._arriving = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._arriving = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Stop this protocol's deadlines: from here on the WebSocket protocol has its own."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def _await_request(self) -> None:
        if self._deadline is None and self._lingering is None:
            self._deadline = self.loop.call_later(self.arriving, self.refuse, *_TIMED_OUT)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.taking, self._require_taken, waiting)

    def _stop_watching(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _require_taken(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() >= LEAST_TAKEN:
            self._watch_taking()
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def refuse(self, status: bytes, message: str) -> None:
        """The same, and nothing is awaited any more."""
        self._stop_waiting()
        super().refuse(status, message)


def deadline_protocol(arriving: float, taking: float) -> type[DeadlineProtocol]:
    """The protocol with its deadlines in seconds, as a class because uvicorn makes the instances."""
    return type("DeadlineProtocol", (DeadlineProtocol,), {"arriving": arriving, "taking": taking})
