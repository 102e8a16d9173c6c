"""Server, worker and watcher of a connected machine, which are killed at random and begin again."""

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.scripted_claude import Machine

PATIENCE = 120.0


class Fleet:
    """The processes of one machine: the server on a port of its own, a worker that digests, and a watcher."""

    def __init__(self, ccgraph: str, folder: Path, at_work: Machine, database_url: str) -> None:
        self._ccgraph = ccgraph
        self._folder = folder
        self.at_work = at_work
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "CCGRAPH_PORT": str(self.port),
            "CCGRAPH_SECRET_KEY": "a key that signs nothing outside of the tests",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *arguments: str, text: str = "", there: bool = False) -> str:
        """A command to its end, beside the server or on the machine where Claude Code runs."""
        done = subprocess.run(
            [self._ccgraph, *arguments],
            cwd=self.at_work.project if there else self._folder,
            env=self.at_work.environment if there else self._environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str) -> None:
        """Begin one of them."""
        arguments: Mapping[str, Sequence[str]] = {
            "server": ("serve", "--no-worker"),
            "worker": ("worker",),
            "watch": ("watch",),
        }
        there = name == "watch"
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [self._ccgraph, *arguments[name]],
                cwd=self.at_work.project if there else self._folder,
                env=self.at_work.environment if there else self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill a process as the kernel does when memory runs out."""
        self._running[name].kill()
        self._running.pop(name).wait(PATIENCE)

    def until_served(self) -> None:
        """Wait for the server to answer."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, (self._folder / "server.log").read_text()[-2000:]
            time.sleep(0.05)

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of them, until the block ends."""
        try:
            self.start("server")
            self.until_served()
            self.start("worker")
            yield
        finally:
            for name in list(self._running):
                self.kill(name)

    @contextmanager
    def under_fire(self, chance: random.Random) -> Iterator[None]:
        """Kill one after the other, at any moment of its life, while the block lasts."""
        over = threading.Event()

        def shoot() -> None:
            while not over.wait(chance.uniform(0.05, 2.5)):
                name = chance.choice(["server", "server", "worker", "watch"])
                self.kill(name)
                self.kills += 1
                over.wait(chance.choice([0.0, 0.3, 1.5]))
                self.start(name)

        thread = threading.Thread(target=shoot)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        self.until_served()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
