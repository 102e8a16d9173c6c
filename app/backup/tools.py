"""Runs PostgreSQL's programs for backups: they end with this process, and what they say is kept."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from app.config.errors import StartupError
from app.database import launch
from app.database.programs import program, without_user
from services.system.contents import Told

DISK_FULL: Final = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Check free disk space",
)
_CUT_OFF: Final = ("connection to server was lost", "server closed the connection unexpectedly")
_LAST_LINES: Final = 200
_LONGEST_LINE: Final = 1 << 20


@dataclass(slots=True)
class Tool:
    """A program that runs. `said` are the last lines of its standard error output."""

    name: str
    process: asyncio.subprocess.Process
    said: list[str]
    _listening: "asyncio.Task[None]"

    async def ended(self) -> int:
        """The exit code of the program, when it has ended and its output was read."""
        code = await self.process.wait()
        await self._listening
        return code

    def complaint(self) -> str:
        """The error messages of the program, in one line."""
        wrong = [line for line in self.said if any(sign in line for sign in ("error", "ERROR", "FATAL"))]
        lines = wrong[:2] or self.said[-1:] or ["it said nothing"]
        return "; ".join(line.strip() for line in lines).rstrip(".")

    @property
    def disk_full(self) -> bool:
        """True if the program ended because the disk is full."""
        return any(sign in line for line in self.said for sign in DISK_FULL)

    @property
    def is_cut_off(self) -> bool:
        """True if the server ended while the program was connected."""
        return any(sign in line for line in self.said for sign in _CUT_OFF)


@asynccontextmanager
async def running(
    name: str,
    arguments: Sequence[str],
    url: str | None,
    *,
    heard: Callable[[str], None] = lambda line: None,
    stdin: int | None = asyncio.subprocess.DEVNULL,
    stdout: int | None = asyncio.subprocess.DEVNULL,
) -> AsyncIterator[Tool]:
    """Run a program, on the database of `url` if one is given, until the block or this process ends.

    `heard` gets each line of its standard error output. What it writes is for its user alone (umask 077).
    """
    address, environment = without_user(url) if url is not None else ("", {})
    order = json.dumps({"uid": None, "gid": None, "needed": [], "parent": os.getpid()})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(launch.__file__), order),
        *(program(name), *(("--dbname", address) if address else ()), *arguments),
        env=_environment(environment),
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    said: list[str] = []
    listening = asyncio.create_task(_listen(process, said, heard), name=f"output of {name}")
    tool = Tool(name, process, said, listening)
    try:
        yield tool
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.shield(_reaped(tool))


async def run(name: str, arguments: Sequence[str], url: str, heard: Callable[[str], None]) -> None:
    """Run a program to its end. Raises: `Failed`."""
    async with running(name, arguments, url, heard=heard) as tool:
        if await tool.ended() != 0:
            raise Failed(tool)


Stream = TypeVar("Stream")


def opened(stream: Stream | None) -> Stream:
    """A stream of a process, which is there because a pipe was asked for."""
    if stream is None:
        raise RuntimeError("The process was started without this pipe")
    return stream


def counting(mark: str, number: int, told: Told) -> Callable[[str], None]:
    """Hears the lines of a program, and tells that a table begins with each that has `mark`; `number` do."""
    done = 0

    def heard(line: str) -> None:
        nonlocal done
        if mark in line:
            told("tables", done, max(number, done))
            done += 1

    return heard


class Failed(StartupError):
    """A program ended badly."""

    def __init__(self, tool: Tool) -> None:
        super().__init__(f"{tool.name} failed ({tool.complaint()})")
        self.disk_full = tool.disk_full


def _environment(database: Mapping[str, str]) -> dict[str, str]:
    """The caller's, for certificates and password files, with messages that can be recognised."""
    return {**os.environ, **database, "LC_ALL": "C"}


async def _reaped(tool: Tool) -> None:
    await tool.ended()


async def _listen(process: asyncio.subprocess.Process, said: list[str], heard: Callable[[str], None]) -> None:
    while raw := await opened(process.stderr).readline():
        line = raw.decode(errors="replace").rstrip("\n")
        heard(line)
        said.append(line)
        del said[:-_LAST_LINES]
