"""Close codes of graphql-transport-ws with which the server ends a connection, and their reasons.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from typing import NamedTuple

from app.connections import registry


class Close(NamedTuple):
    """The end of a connection by the server: a code and a reason."""

    code: int
    reason: str


SERVICE_RESTART = Close(registry.SERVICE_RESTART, "Service restart")
TRY_AGAIN_LATER = Close(1013, "Try again later")
UNAUTHORIZED = Close(registry.UNAUTHORIZED, "Unauthorized")
FORBIDDEN = Close(4403, "Forbidden")
SUBPROTOCOL_NOT_ACCEPTABLE = Close(4406, "Subprotocol not acceptable")
INITIALISATION_TIMEOUT = Close(4408, "Connection initialisation timeout")
NO_PONG = Close(4408, "Request Timeout")
TOO_MANY_INITIALISATIONS = Close(4429, "Too many initialisation requests")
INTERNAL_ERROR = Close(4500, "Internal server error")


class Ending(Exception):
    """The server ends the connection in this way."""

    def __init__(self, close: Close) -> None:
        super().__init__(close.reason)
        self.close = close
