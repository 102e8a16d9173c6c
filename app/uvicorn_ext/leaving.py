"""Tells whether a client has closed its connection, which ASGI tells only those who wait for it."""

from starlette.types import Receive

from app.compat.uvicorn_protocols import RequestResponseCycle


def has_left(receive: Receive) -> bool:
    """True if the client of this request is known to be gone; False where another server asks."""
    cycle = getattr(receive, "__self__", None)
    return isinstance(cycle, RequestResponseCycle) and cycle.disconnected
