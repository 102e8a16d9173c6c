"""Which calls of tools are under way, so that those of a connection that ends do not seem to go on."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.proxy.frames import CLIENT, SERVER
from app.proxy.messages import key

MOST: Final = 10_000
"""Calls that are remembered; further ones are left open when the connection ends."""

CALL: Final = "tools/call"
CANCELLED: Final = "notifications/cancelled"
_REASON: Final = "The connection was closed before an answer came."

Json = Mapping[str, Any]


class OpenCalls:
    """The calls of one connection."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], object] = {}

    def note(self, side: int, message: Json) -> None:
        """A side has sent this message."""
        method = message.get("method")
        if method == CALL and "id" in message:
            called = key(message["id"])
            if called is not None and len(self._open) < MOST:
                self._open[side, called] = message["id"]
        elif method == CANCELLED:
            params = message.get("params")
            self._close(side, params.get("requestId") if isinstance(params, dict) else None)
        elif method is None:
            self._close(SERVER if side == CLIENT else CLIENT, message.get("id"))

    def ended(self) -> Iterator[tuple[int, Json]]:
        """The cancellation of each call that is open, with the side that has called."""
        for (side, _), identity in self._open.items():
            params = {"requestId": identity, "reason": _REASON}
            yield side, {"jsonrpc": "2.0", "method": CANCELLED, "params": params}
        self._open.clear()

    def _close(self, side: int, identity: object) -> None:
        called = key(identity)
        if called is not None:
            self._open.pop((side, called), None)
