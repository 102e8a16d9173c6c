"""Responses that are complete when they begin: written past what uvicorn does for those in parts."""

from collections.abc import Iterable
from typing import Any, Protocol

from starlette.types import Scope, Send

from app.compat.uvicorn_protocols import STATUS_LINE, HttpToolsProtocol


class Respond(Protocol):
    """Writes a whole response, or says that the application has to send it in the usual way."""

    def __call__(self, send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write a response as a whole, and return True; False where that cannot be done.

        `headers` are well formed and have the body's length among them.
        """


_EXTENSION = "ccgraph.whole_response"


class WholeResponseProtocol(HttpToolsProtocol):
    """Offers applications an ASGI extension that looks at no header and runs no coroutine."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._extensions: dict[str, Any] = {_EXTENSION: self._respond}

    def on_message_begin(self) -> None:
        """The application will be told of the extension."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def _respond(self, send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        cycle = self.cycle
        # A middleware that has put its own `send` in between wants to see the response; and after a request
        # that came too early, or on a connection that is to end, uvicorn has more to do.
        if send != cycle.send or not cycle.keep_alive or cycle.disconnected or self.flow.write_paused:
            return False
        if cycle.response_started or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        lines = [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()
        return True


def whole_response(scope: Scope) -> Respond | None:
    """The extension, where the server has it."""
    respond: Respond | None = scope.get("extensions", {}).get(_EXTENSION)
    return respond
