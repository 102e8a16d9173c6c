"""A Redis for tests, from the Debian package redis-server."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.waiting import PATIENCE


class RedisServer:
    """redis-server on a free loopback port; it can be stopped and started again until `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        # Redis binds its port with SO_REUSEADDR, so it can while this socket is bound and does not listen;
        # nobody is given the port as a free one meanwhile.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._port: int = self._reserved.getsockname()[1]

    @property
    def url(self) -> str:
        """The URL for BROADCAST_URL."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start, and wait until it listens."""
        address = ["--port", str(self._port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            ["redis-server", *address, "--save", "", "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("redis-server did not start")

    def cut_subscribers(self) -> int:
        """Close the connections of those that are subscribed; gives their number."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.execute_command("CLIENT", "KILL", "TYPE", "pubsub"))

    def subscribers(self, channel: str) -> int:
        """The number of subscribers; 0 while it is stopped."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.execute_command("PUBSUB", "NUMSUB", channel)[1])

    @property
    def published(self) -> int:
        """The number of messages that were published since the start."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"])

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Kill it, and give the port back."""
        self.stop()
        self._reserved.close()


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A running Redis; the test is skipped where the package is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()
