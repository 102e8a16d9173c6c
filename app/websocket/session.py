"""One connection of graphql-transport-ws: its messages in both directions.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import structlog
from starlette.types import Receive, Scope, Send

from app.admission.headers import read_headers
from app.admission.request import operation_request
from app.compat.uvicorn_protocols import ClientDisconnected
from app.connections.auth import caller, origin
from app.uvicorn_ext.frames import EXTENSION, FrameWriter, wrapped
from app.websocket.close_codes import (
    FORBIDDEN,
    INITIALISATION_TIMEOUT,
    INTERNAL_ERROR,
    NO_PONG,
    SERVICE_RESTART,
    TOO_MANY_INITIALISATIONS,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    Close,
    Ending,
)
from app.websocket.messages import (
    ClientMessage,
    Complete,
    ConnectionInit,
    InvalidMessage,
    Ping,
    Pong,
    Subscribe,
    parse,
)
from gql.context import Context
from gql.errors import FormattedError, format_ending
from gql.execution.api import refused
from gql.execution.prepared import Prepared, PreparedSubscription, Refused
from models.enums import WebsocketTransport
from services.core.database_errors import is_away
from services.core.errors import QuotaExceeded, Unauthenticated
from services.feed.subscribers import confirm

if TYPE_CHECKING:
    from app.connections.registry import Connection
    from app.websocket.endpoint import WebSocketEndpoint
    from services.core.principal import Principal
    from services.feed.subscribers import Opened, Source

log = structlog.get_logger(__name__)

_LONGEST_REASON = 123
"""Bytes: what fits into a close frame (RFC 6455, 5.5.1)."""
_CLOSE_TIMEOUT = 5.0
_AT_ONCE = 65_536
"""Bytes of events that are written before the socket is asked again whether it takes more."""


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """Seconds, and operations under way on one connection.

    A client that was silent for `keep_alive` is sent a ping, and has as long again to answer somehow.
    """

    initialisation: float
    keep_alive: float
    subscribe: float = 30.0
    operations: int = 100


class Operation:
    """One operation under its id: a subscription, or a query or mutation that runs in a task.

    `prefix` is what precedes the payload in the messages with its results.
    """

    __slots__ = ("id", "over", "prefix", "subscription", "task")

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.over = False
        self.prefix = b'{"id":%s,"type":"next","payload":' % orjson.dumps(id_)
        self.subscription: Opened | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def subscriber(self) -> Source | None:
        """The source of the events to send; None when no more are sent."""
        return None if self.over or self.subscription is None else self.subscription.subscriber

    def close(self) -> None:
        """Let no more events of it be sent."""
        self.over = True
        if self.subscription is not None:
            self.subscription.close()

    def end(self) -> None:
        """Stop it; nothing more of it is sent."""
        self.close()
        if self.task is not None:
            self.task.cancel()


class Conversation:
    """One connection: reads what the client says, and answers it.

    Only the task of the connection itself reads and closes. Events are handed to the socket as they come,
    which sends them when the event loop comes round. What it does not take at once is left to a second task.
    """

    __slots__ = (
        "_authorization",
        "_awake",
        "_connection",
        "_ending",
        "_endpoint",
        "_frames",
        "_heard",
        "_leaving",
        "_loop",
        "_operations",
        "_origin",
        "_ping",
        "_ready",
        "_receive",
        "_send",
        "_task",
        "_timer",
        "_writer",
    )

    def __init__(self, endpoint: WebSocketEndpoint, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope["headers"])
        self._endpoint = endpoint
        self._receive = receive
        self._send = send
        self._origin = origin(scope["client"], headers)
        self._authorization: str = headers.get(b"authorization", b"").decode("latin-1")
        self._connection: Connection | None = None
        self._operations: dict[str, Operation] = {}
        self._ready: list[Operation] = []
        self._frames: FrameWriter | None = scope.get("extensions", {}).get(EXTENSION)
        self._awake = False
        self._writer: asyncio.Task[None] | None = None
        self._ping: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._heard = self._loop.time()
        self._ending: Close | None = None
        self._leaving = False
        self._timer = self._loop.call_later(
            endpoint.limits.initialisation, self.hang_up, INITIALISATION_TIMEOUT
        )

    def hang_up(self, close: Close) -> None:
        """End the connection from outside its own task: a timer, or a token that is good no more."""
        if self._ending is None and self._task is not None:
            self._ending = close
            self._task.cancel()

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        code = 1006
        try:
            code = await self._listen()
        except Ending as ending:
            self._ending = ending.close
        except asyncio.CancelledError:
            if self._ending is None or self._task is None:
                raise
            self._task.uncancel()
        except ClientDisconnected:
            pass  # while it was answered
        except Exception as error:
            self._ending = TRY_AGAIN_LATER if is_away(error) else INTERNAL_ERROR
            if is_away(error):
                log.warning("database_away", exception=type(error).__qualname__)
            else:
                log.error("websocket_broken", error=type(error).__qualname__)  # noqa: TRY400 - it may quote a row
        finally:
            self._timer.cancel()
            self._ready.clear()
            for operation in self._operations.values():
                operation.end()
            for task in (self._writer, self._ping):
                if task is not None:
                    task.cancel()
            if self._connection is not None:
                self._connection.close(code if self._ending is None else self._ending.code)
        if self._ending is not None:
            await self._close(self._ending)

    async def _close(self, close: Close) -> None:
        reason = close.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._send({"type": "websocket.close", "code": close.code, "reason": reason})

    async def _listen(self) -> int:
        """Handle what the client says; its close code when it goes."""
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return int(event.get("code") or 1005)
            self._heard = self._loop.time()
            text = event.get("text")
            if text is None:
                raise Ending(Close(4400, "A message must be text"))
            try:
                message = parse(text)
            except InvalidMessage as invalid:
                raise Ending(Close(4400, str(invalid))) from None
            await self._handle(message)

    async def _handle(self, message: ClientMessage) -> None:
        match message:
            case ConnectionInit():
                await self._initialise(message)
            case Ping():
                await self._say('{"type":"pong"}')
            case Subscribe():
                await self._subscribe(message)
            case Complete(id=id_):
                operation = self._operations.pop(id_, None)
                if operation is not None:
                    operation.end()
            case Pong():
                pass

    async def _initialise(self, message: ConnectionInit) -> None:
        if self._connection is not None:
            raise Ending(TOO_MANY_INITIALISATIONS)
        self._timer.cancel()
        given = message.payload.get("authorization") or message.payload.get("Authorization")
        if isinstance(given, str):
            self._authorization = given
        principal = await self._require_principal(FORBIDDEN)
        self._connection = await self._endpoint.connections.open(
            principal, self._origin, WebsocketTransport.WEBSOCKET, self._end
        )
        self._watch_silence()
        await self._say(f'{{"type":"connection_ack","payload":{{"socketId":"{self._connection.id}"}}}}')

    async def _subscribe(self, message: Subscribe) -> None:
        if self._connection is None:
            raise Ending(UNAUTHORIZED)
        if self._leaving:
            return  # the client begins it again where it connects next
        if message.id in self._operations:
            raise Ending(Close(4409, f"Subscriber for {message.id} already exists"))
        operation = self._operations[message.id] = Operation(message.id)
        try:
            await self._begin(operation, message)
        except Ending:
            raise
        except Exception as error:
            await self._fail(operation, refused(error))

    async def _begin(self, operation: Operation, message: Subscribe) -> None:
        """Start a query or mutation in a task of its own; a subscription has begun when this returns."""
        endpoint = self._endpoint
        if len(self._operations) > endpoint.limits.operations:
            raise QuotaExceeded(
                f"A connection may have {endpoint.limits.operations} operations under way; "
                "complete one of them, or open another connection."
            )
        context = await self._context()
        prepared = message.body and endpoint.api.recall(message.body, context)
        if not prepared:
            request = operation_request(
                message.parameters, endpoint.documents, remember=True, size=message.size, body=message.body
            )
            prepared = await endpoint.api.prepare(request, context)
        if isinstance(prepared, Refused):
            raise prepared.error
        if not isinstance(prepared, PreparedSubscription):
            operation.task = self._loop.create_task(self._execute(operation, prepared, context))
            operation.task.add_done_callback(self._ended)
            return
        async with asyncio.timeout(endpoint.limits.subscribe):
            operation.subscription = await endpoint.subscriptions.open(
                prepared, context, lambda: self._wake(operation)
            )
        self._wake(operation)  # for what came while the subscription was not known here

    async def _context(self) -> Context:
        """The caller as of now, with one more call counted."""
        principal = await self._require_principal(UNAUTHORIZED)
        await self._endpoint.api_calls.admit(principal)
        return self._endpoint.open_context(self._origin, principal)

    async def _require_principal(self, close: Close) -> Principal:
        """The caller as of now; without a good token the connection ends with `close`."""
        with suppress(Unauthenticated):
            principal = await caller(self._endpoint.authenticator, self._authorization)
            if principal is not None:
                return principal
        raise Ending(close)

    async def _execute(self, operation: Operation, prepared: Prepared, context: Context) -> None:
        """Run a query or mutation and send its one result."""
        heard = False
        try:
            result = await self._endpoint.api.run(prepared, context)
            await self._say_next(operation, result.body)
            heard = True
            await self._complete(operation)
        except OSError:
            return  # the client is gone, which the connection's own task notices
        except Exception as error:
            await self._fail(operation, refused(error))
        finally:
            if not heard:
                context.handed_out.give_back()
            operation.task = None
            self._leave_when_done()

    def _end(self, code: int) -> None:
        """The server wants the connection to end; what runs may finish, unless its caller lost the right."""
        if code == UNAUTHORIZED.code:
            self.hang_up(UNAUTHORIZED)
            return
        self._leaving = True
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._leaving and not any(operation.task for operation in self._operations.values()):
            self.hang_up(SERVICE_RESTART)

    def _wake(self, operation: Operation) -> None:
        """Note that there is something to take for `operation`, and write it."""
        self._ready.append(operation)
        if not self._awake:
            self._write()

    def _write(self) -> None:
        """Write what waits, and leave to a task what the socket does not take at once."""
        self._awake = True
        self._write_at_once()
        if self._ready:
            self._writer = self._loop.create_task(self._write_patiently())
            self._writer.add_done_callback(self._ended)
        else:
            self._awake = False

    def _write_at_once(self) -> None:
        """Write some events of each operation in turn, as long as the socket takes them."""
        while self._ready and self._frames is not None and self._frames.takes_frames():
            operation = self._ready[0]
            subscriber = operation.subscriber
            if subscriber is not None:
                deliveries = subscriber.take_some(_AT_ONCE)
                if deliveries:
                    prefix = operation.prefix
                    self._frames.write_frames(
                        [frame for delivery in deliveries for frame in wrapped(delivery, prefix)]
                    )
                    confirm(deliveries)
                elif subscriber.ended:
                    return  # how it ended is told by the task
            self._ready.pop(0)
            if subscriber is not None and (subscriber.waiting or subscriber.ended):
                self._ready.append(operation)

    async def _write_patiently(self) -> None:
        """Wait until the socket takes one event, then write on."""
        try:
            while self._ready:
                operation = self._ready.pop(0)
                subscriber = operation.subscriber
                if subscriber is None:
                    continue
                delivery = subscriber.take()
                if delivery is not None:
                    await self._say_next(operation, delivery.payload)
                    confirm([delivery])
                    if subscriber.waiting or subscriber.ended:
                        self._ready.append(operation)
                elif subscriber.ended:
                    await self._finish(operation, subscriber)
                self._write_at_once()
        except OSError:
            return  # the client is gone, which the connection's own task notices
        finally:
            self._writer = None
            self._awake = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of this connection has ended; after an error the client is to come again."""
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, OSError):
            log.error("websocket_broken", error=type(error).__qualname__)
            self.hang_up(INTERNAL_ERROR)

    async def _finish(self, operation: Operation, subscriber: Source) -> None:
        """The subscription ended by itself."""
        if subscriber.error is None:
            await self._complete(operation)
        else:
            await self._fail(operation, [format_ending(subscriber.error, subscriber.cursor)])

    async def _complete(self, operation: Operation) -> None:
        if self._forget(operation):
            await self._say_of(operation, "complete")

    async def _fail(self, operation: Operation, errors: list[FormattedError]) -> None:
        if self._forget(operation):
            await self._say_of(operation, "error", payload=errors)

    def _forget(self, operation: Operation) -> bool:
        """Free the id, before the client hears of it; False when the client did not want it any more."""
        if self._operations.get(operation.id) is not operation:
            return False
        del self._operations[operation.id]
        operation.close()
        return True

    async def _say_next(self, operation: Operation, payload: bytes) -> None:
        await self._say((operation.prefix + payload + b"}").decode())

    async def _say_of(self, operation: Operation, type_: str, **more: object) -> None:
        await self._say(orjson.dumps({"id": operation.id, "type": type_, **more}).decode())

    async def _say(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    def _watch_silence(self) -> None:
        """Send a ping after a silence, and end the connection when even that stays unanswered."""
        keep_alive = self._endpoint.limits.keep_alive
        silent = self._loop.time() - self._heard
        if silent >= 2 * keep_alive:
            self.hang_up(NO_PONG)
            return
        wait = keep_alive - silent
        if wait <= 0:
            self._ping = self._loop.create_task(self._say('{"type":"ping"}'))
            self._ping.add_done_callback(self._ended)
            wait += keep_alive
        self._timer = self._loop.call_later(wait, self._watch_silence)
