"""GraphQL over WebSocket, protocol graphql-transport-ws: one plain ASGI application."""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from app.admission.headers import read_headers
from app.admission.origins import Origins
from app.connections.registry import Connections
from app.http.endpoint import Executor, OpenContext
from app.websocket.close_codes import SUBPROTOCOL_NOT_ACCEPTABLE
from app.websocket.session import Conversation, WebSocketLimits
from gql.request.documents import Documents
from gql.subscriptions.open_subscription import Subscriptions
from services.accounts.authentication import Authenticator
from services.accounts.rate_limits import ApiCalls

SUBPROTOCOL = "graphql-transport-ws"


@dataclass(frozen=True, slots=True)
class WebSocketEndpoint:
    """The ASGI application for connections of type websocket."""

    api: Executor
    subscriptions: Subscriptions
    open_context: OpenContext
    authenticator: Authenticator
    api_calls: ApiCalls
    documents: Documents
    connections: Connections
    origins: Origins
    limits: WebSocketLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await receive()  # websocket.connect
        headers = read_headers(scope["headers"])
        if not self.origins.allow(headers):
            await send({"type": "websocket.close"})  # before it was accepted, so an HTTP 403
        elif SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            code, reason = SUBPROTOCOL_NOT_ACCEPTABLE
            await send({"type": "websocket.close", "code": code, "reason": reason})
        else:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await Conversation(self, scope, receive, send).run()
