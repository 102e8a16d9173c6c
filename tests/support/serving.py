"""The server as clients meet it: uvicorn on a loopback port, in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from app.main import create_app
from app.serving import uvicorn_configuration
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class LiveServer:
    """`url` is `http://127.0.0.1:port`, `websocket_url` the same as `ws://`."""

    url: str

    @property
    def websocket_url(self) -> str:
        """Where WebSockets connect."""
        return "ws" + self.url.removeprefix("http")


@contextmanager
def served(settings: Settings) -> Iterator[LiveServer]:
    """Serve for the length of the block, with the very configuration of `ccgraph serve`."""
    server = uvicorn.Server(uvicorn_configuration(create_app(settings), settings))
    sockets = [server.config.bind_socket()]
    thread = threading.Thread(target=server.run, args=(sockets,), name="live server")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.005)
        if not thread.is_alive():
            raise AssertionError("the server did not start")
        yield LiveServer("http://{}:{}".format(*sockets[0].getsockname()))
    finally:
        server.should_exit = True
        thread.join()
