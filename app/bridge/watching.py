"""resources/subscribe for clients of revision 2025-11-25, out of the stream that the server tells by."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from app.bridge.server import MODERN, Away, Exchange, Refused, Server

_META: Final = "io.modelcontextprotocol/"
_UPDATED: Final = "notifications/resources/updated"
_AGAIN: Final = 2.0
"""Seconds until a stream that ended is opened again."""

Json = dict[str, Any]


class Watched:
    """The resources that a client has subscribed to. `tell` is given each notification for it."""

    def __init__(self, server: Server, tell: Callable[[Json], None]) -> None:
        self._server = server
        self._tell = tell
        self._uris: dict[str, None] = {}
        self._changed = threading.Condition()
        self._turn = 0
        self._stream: Exchange | None = None
        self._thread: threading.Thread | None = None

    def add(self, uri: str) -> None:
        """Tell of this one from now on."""
        self._change(lambda: self._uris.update({uri: None}))

    def remove(self, uri: str) -> None:
        """Tell of this one no more."""
        self._change(lambda: self._uris.pop(uri, None))

    def _change(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._turn += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="resources", daemon=True)
                self._thread.start()
            if self._stream is not None:
                self._stream.break_off()
            self._changed.notify_all()

    def _follow(self) -> None:
        """Follow one stream for all resources, for ever; after its end, any may have changed meanwhile."""
        missed: list[str] = []
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._uris))
                turn, uris = self._turn, [*self._uris]
                self._stream = exchange = Exchange()
            with suppress(Away, Refused):
                self._listen(uris, exchange, [uri for uri in missed if uri in uris])
            with self._changed:
                missed = uris
                self._changed.wait_for(lambda: self._turn != turn, _AGAIN)  # noqa: B023 - called at once

    def _listen(self, uris: list[str], exchange: Exchange, missed: list[str]) -> None:
        meta = {
            f"{_META}protocolVersion": MODERN,
            f"{_META}clientInfo": {"name": "ccgraph mcp", "version": "1"},
            f"{_META}clientCapabilities": {},
        }
        request = {
            "jsonrpc": "2.0",
            "id": "resources",
            "method": "subscriptions/listen",
            "params": {"notifications": {"resourceSubscriptions": uris}, "_meta": meta},
        }
        for text in self._server.messages(request, exchange):
            message = json.loads(text)
            if message.get("method") == "notifications/subscriptions/acknowledged":
                for uri in missed:
                    self._tell({"jsonrpc": "2.0", "method": _UPDATED, "params": {"uri": uri}})
            if message.get("method") == _UPDATED:
                params = {"uri": message["params"]["uri"]}
                self._tell({"jsonrpc": "2.0", "method": _UPDATED, "params": params})
