"""Many keep-alive connections of one process, cheap enough that the client is not what is measured."""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks.peers.requests import Request


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and after how many milliseconds it came."""

    status: int
    body: bytes
    milliseconds: float


class Connection:
    """One HTTP/1.1 connection, one request at a time; answers must carry their length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """A connection to the host and port of a URL, which must be of this machine."""
        parts = urlsplit(url)
        if parts.hostname != "127.0.0.1" or parts.port is None:
            raise ValueError(f"Load goes to this machine only, not to {url}")
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def ask(self, request: Request) -> Answer:
        """POST and wait for the whole answer."""
        headers = {**request.headers, "host": self._host, "content-length": str(len(request.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        path = urlsplit(request.url).path or "/"
        begun = perf_counter()
        self._writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        return Answer(int(head.split(b" ", 2)[1]), body, (perf_counter() - begun) * 1000)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
