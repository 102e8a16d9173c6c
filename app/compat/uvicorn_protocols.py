"""uvicorn's protocols, of which app/uvicorn_ext overrides methods and reads attributes."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = [
    "STATUS_LINE",
    "ClientDisconnected",
    "HttpToolsProtocol",
    "RequestResponseCycle",
    "WebSocketsSansIOProtocol",
    "running_cycle",
]


def running_cycle(protocol: HttpToolsProtocol) -> RequestResponseCycle | None:
    """The request that is being answered. uvicorn declares `cycle` without the None it starts as."""
    cycle: RequestResponseCycle | None = protocol.cycle
    return None if cycle is None or cycle.response_complete else cycle
