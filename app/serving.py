"""Runs the application in uvicorn, the same for `ccgraph serve` and for tests."""

import asyncio
import contextlib
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette

from app.api import ApiEndpoint
from app.config.errors import StartupError
from app.config.settings import Settings
from app.uvicorn_ext.deadlines import deadline_protocol
from app.uvicorn_ext.frames import FrameProtocol
from services.core.background import MOST_DEATHS, WINDOW, Supervisor
from services.core.tcp_keepalive import watch_for_loss

log = structlog.get_logger("ccgraph")

IDLE_CONNECTION = 75
"""Seconds for which a connection is kept between two requests: longer than clients and proxies keep theirs.

Theirs are up to 60. The server must not be the first to close: it may do so while a request is on its way.
"""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _silent(_: str) -> None:
    """Announce to no one."""


class Server(uvicorn.Server):
    """One process on uvloop and httptools with deadlines, silent but for what our own log says.

    `announce` is called with the URL, such as `http://127.0.0.1:8000`, once connections are taken.
    """

    def __init__(self, app: Starlette, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                http=deadline_protocol(settings.request_timeout, settings.response_timeout),
                ws=FrameProtocol,
                ws_max_size=settings.maximum_body,
                # A compressor for each connection would take more memory than all the rest of it.
                ws_per_message_deflate=False,
                # graphql-transport-ws has pings of its own, which also show that the client works.
                ws_ping_interval=None,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=IDLE_CONNECTION,
                timeout_graceful_shutdown=settings.shutdown_timeout,
            )
        )
        self.announce: Callable[[str], None] = _silent
        self._app = app
        self._client_lost_after = settings.response_timeout
        self._lost_database = False
        self._lost_task: str | None = None
        supervisor: Supervisor = app.state.supervisor
        supervisor.when_lost(self._stop_for_lack_of)

    def run_until_stopped(self) -> None:
        """Serve until a signal comes. Raises: StartupError when the server cannot start or go on."""
        with (
            contextlib.closing(self._bound()) as listening,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(self._live(listening))
        if self._lost_database:
            raise StartupError(
                "The embedded PostgreSQL ended by itself; postgres/log in the data directory tells why. "
                "Start ccgraph again: the data recovers by itself."
            )
        if self._lost_task is not None:
            raise StartupError(
                f"The side task {self._lost_task} died {MOST_DEATHS} times within {WINDOW:.0f} seconds, so "
                "the server has stopped: start ccgraph again, and report what its log says of "
                "side_task_died."
            )

    async def _live(self, listening: socket.socket) -> None:
        # Uvicorn would turn whatever prevents the start into a stack trace in the log.
        async with self._app.router.lifespan_context(self._app):
            await self.serve([listening])
        log.info("stopped")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then announce the addresses."""
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            self.announce(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections and let the living ones end well, before uvicorn ends what is left."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.config.timeout_graceful_shutdown or 0)
        api: ApiEndpoint = self._app.state.api
        api.permission_waits.stop()
        api.waits.end()
        await api.connections.drain(deadline - loop.time())
        self.config.timeout_graceful_shutdown = math.ceil(max(0, deadline - loop.time()))
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on a signal. Uvicorn would raise it again afterwards, in the middle of our own shutdown."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop_for_lack_of_database(self) -> None:
        """End without a signal; may be called from any thread."""
        self._lost_database = True
        self.should_exit = True

    def _stop_for_lack_of(self, side_task: str) -> None:
        """End as after a signal: what is under way is finished, and clients are told to come back."""
        self._lost_task = side_task
        self.should_exit = True

    def _bound(self) -> socket.socket:
        host, port = self.config.host, self.config.port
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = socket.create_server(address[:2], family=family)
        except OSError as error:
            raise StartupError(
                f"ccgraph cannot listen on {host} port {port} ({error.strerror}): "
                "end the program that listens there, or set CCGRAPH_HOST and CCGRAPH_PORT to another address."
            ) from error
        watch_for_loss(listening, self._client_lost_after)
        return listening
