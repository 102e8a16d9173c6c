"""WebSocket frames that are made once for many sockets, and the way past uvicorn that they take.

To send a text, uvicorn wakes a task, asks its state machine for a frame of its own and joins the pieces. A
text that a thousand sockets get needs none of it.
"""

import struct
from collections.abc import Sequence
from typing import Any, Protocol

from websockets.frames import Opcode

from app.compat.uvicorn_protocols import ClientDisconnected, WebSocketsSansIOProtocol
from services.feed.subscribers import Delivery

EXTENSION = "ccgraph.frames"
"""Where the ASGI scope has the connection's `FrameWriter`."""


class FrameWriter(Protocol):
    """Writes whole frames to a socket without waiting for it."""

    def takes_frames(self) -> bool:
        """True if the connection is open and the client reads as fast as we write."""

    def write_frames(self, frames: Sequence[bytes]) -> None:
        """Write at once, in one system call where the kernel takes it all."""


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which offers itself as `FrameWriter`. For connections without compression only."""

    def handle_connect(self, event: Any) -> None:
        """Accept the upgrade; the application, which gets the scope, starts after this."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def start_keepalive(self) -> None:
        """The handshake is done: let go of its request and response, which are not read again."""
        super().start_keepalive()
        del self.request, self.response

    async def send(self, message: Any) -> None:
        """Send for the application. Raises: ClientDisconnected, an OSError, once the connection has closed.

        A client may end it, or break the protocol, while an earlier message of its is being answered. uvicorn
        takes the answer for a mistake of the application's then.
        """
        if self.close_sent and self.handshake_complete and self.initial_response is None:
            raise ClientDisconnected
        await super().send(message)

    def send_receive_event_to_app(self) -> None:
        """Hand over a whole message; a text that is no UTF-8 ends the connection with 1007 (RFC 6455, 8.1).

        uvicorn does so too, with a stack trace in the log for each.
        """
        if self.curr_msg_data_type == "text" and not self.close_sent:
            text = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            self.frames = [text]
            if not text.isascii() and not _is_utf8(text):
                self.frames = []
                self.conn.send_close(1007, "The text is not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def takes_frames(self) -> bool:
        """True if the connection is open and the client reads as fast as we write."""
        return (
            self.handshake_complete
            and not self.close_sent
            and self.writable.is_set()
            and not self.transport.is_closing()
        )

    def write_frames(self, frames: Sequence[bytes]) -> None:
        """Write at once, in one system call where the kernel takes it all."""
        if len(frames) == 1:
            self.transport.write(frames[0])
        else:
            self.transport.writelines(frames)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


_LONG = 16_384
"""Bytes of payload from which on a frame stays in pieces, so that slow sockets share the payload at least."""


def wrapped(delivery: Delivery, prefix: bytes) -> tuple[bytes, ...]:
    """A frame with the text message of `prefix`, the payload and a closing brace; maybe in pieces.

    Made once for all the sockets in a row whose client chose the same id.
    """
    last = delivery.wrapped
    if last is not None and last[0] == prefix:
        return last[1]
    pieces = (_header(len(prefix) + len(delivery.payload) + 1) + prefix, delivery.payload, b"}")
    frame = pieces if len(delivery.payload) >= _LONG else (b"".join(pieces),)
    delivery.wrapped = (prefix, frame)
    return frame


def _header(size: int) -> bytes:
    """The header of a text message of `size` bytes in one frame of a server's (RFC 6455, 5.2)."""
    first = 0x80 | Opcode.TEXT
    if size < 126:
        return struct.pack(">BB", first, size)
    if size < 65_536:
        return struct.pack(">BBH", first, 126, size)
    return struct.pack(">BBQ", first, 127, size)
