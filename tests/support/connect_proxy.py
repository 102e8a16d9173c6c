"""A proxy of HTTP that lets through what is encrypted: it opens tunnels (CONNECT) and sees names alone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from tests.support.http_servers import answering


@contextmanager
def tunnelling(places: dict[str, int]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Open tunnels to ports of this machine by `host:port`; any other one is refused.

    Gives the proxy's address, and of each request the method with what it names, and its credentials.
    """
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_CONNECT(self) -> None:
            asked.append((f"CONNECT {self.path}", self.headers.get("Proxy-Authorization")))
            if self.path not in places:
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", places[self.path])) as inside:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(inside, self.connection))
                back.start()
                _pump(self.connection, inside)
                back.join()
            self.close_connection = True

        def do_GET(self) -> None:
            asked.append((f"{self.command} {self.path}", self.headers.get("Proxy-Authorization")))
            self.send_error(403)

        def do_POST(self) -> None:
            self.do_GET()

    with answering(Handler) as port:
        yield f"127.0.0.1:{port}", asked


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Bring bytes over until the source ends."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
