"""The server as clients meet it: uvicorn on a loopback port, in a thread of the test."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from app.config.settings import Settings
from app.main import Application, create_app
from app.serving import Server
from services.demo.live import Pacing


@dataclass(frozen=True, slots=True)
class LiveServer:
    """`url` is `http://127.0.0.1:port`, `websocket_url` the same as `ws://`. `stop` begins its end."""

    url: str
    stop: Callable[[], None] = lambda: None

    @property
    def websocket_url(self) -> str:
        """The URL for WebSockets."""
        return "ws" + self.url.removeprefix("http")


@contextmanager
def served(
    settings: Settings,
    adjust: Callable[[Application], None] | None = None,
    live_demo: Pacing | None = None,
) -> Iterator[LiveServer]:
    """Serve for the length of the block, with the very configuration of `ccgraph serve`.

    `adjust` may change the application before it starts. With `live_demo` the demo of its database moves.
    """
    app = create_app(settings, live_demo)
    if adjust is not None:
        adjust(app)
    server = Server(app, settings)
    url: Future[object] = Future()
    server.announce = url.set_result
    with ThreadPoolExecutor(1, "live server") as executor:
        running: Future[object] = executor.submit(server.run_until_stopped)
        # A server that cannot start ends before it announces anything, and the reason comes out here.
        done, _ = wait((url, running), return_when=FIRST_COMPLETED)
        if running in done:
            running.result()
        try:
            yield LiveServer(str(url.result()), partial(setattr, server, "should_exit", True))
        finally:
            server.should_exit = True
            running.result()
