"""Clients that leave, and the moment in which a server of this process hears of it."""

import threading
from typing import Any

import pytest

from app.uvicorn_ext.deadlines import DeadlineProtocol
from app.uvicorn_ext.frames import FrameProtocol


def next_loss(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a client has left a WebSocket, or an HTTP connection on which an answer was due."""
    lost = threading.Event()

    def note(protocol: type[Any]) -> None:
        connection_lost = protocol.connection_lost

        def noted(self: Any, error: Exception | None) -> None:
            cycle = getattr(self, "cycle", None)
            was_idle = protocol is DeadlineProtocol and (cycle is None or cycle.response_complete)
            connection_lost(self, error)
            if not was_idle:
                lost.set()

        monkeypatch.setattr(protocol, "connection_lost", noted)

    note(DeadlineProtocol)
    note(FrameProtocol)
    return lost
