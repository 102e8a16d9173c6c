"""Calls of tools under way, so that those of a connection that ends do not seem to go on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.proxy.frames import CLIENT, SERVER
from app.proxy.messages import key

MOST: Final = 10_000
"""Calls that are remembered; further ones are left open when the connection ends."""

CALL: Final = "tools/call"
CANCELLED: Final = "notifications/cancelled"
_REASON: Final = "The connection was closed before an answer came."

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call under way; of one whose answer asks for more, `asked` is what its next round bears."""

    identity: object
    tool: object
    asked: tuple[object, object] | None = None


class OpenCalls:
    """The calls of one connection."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], _Call] = {}

    def note(self, side: int, message: Json) -> None:
        """A side has sent this message."""
        method = message.get("method")
        if method == CALL and "id" in message:
            self._begin(side, message["id"], _object(message.get("params")))
        elif method == CANCELLED:
            self._end(side, _object(message.get("params")).get("requestId"))
        elif method is None:
            asker = SERVER if side == CLIENT else CLIENT
            result = _object(message.get("result"))
            if result.get("resultType") == "input_required":  # it goes on in another request
                self._ask(asker, message.get("id"), result.get("requestState"))
            else:
                self._end(asker, message.get("id"))

    def ended(self) -> Iterator[tuple[int, Json]]:
        """The cancellation of each call that is open, with the side that has called."""
        for (side, _), call in self._open.items():
            params = {"requestId": call.identity, "reason": _REASON}
            yield side, {"jsonrpc": "2.0", "method": CANCELLED, "params": params}
        self._open.clear()

    def _begin(self, side: int, identity: object, params: Json) -> None:
        tool = params.get("name")
        if "inputResponses" in params or "requestState" in params:
            before = (tool, params.get("requestState"))
            for place, call in self._open.items():
                if place[0] == side and call.asked == before:
                    del self._open[place]
                    break
        called = key(identity)
        if called is not None and len(self._open) < MOST:
            self._open[side, called] = _Call(identity, tool)

    def _ask(self, side: int, identity: object, state: object) -> None:
        place = (side, key(identity) or "")
        if place in self._open:
            call = self._open[place]
            self._open[place] = _Call(call.identity, call.tool, (call.tool, state))

    def _end(self, side: int, identity: object) -> None:
        called = key(identity)
        if called is not None:
            self._open.pop((side, called), None)


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
