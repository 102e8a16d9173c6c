"""`ccgraph mcp` as a client starts it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE

CCGRAPH = str(Path(sys.executable).with_name("ccgraph"))


@dataclass(slots=True)
class Bridged:
    """A client at its standard input and output."""

    process: asyncio.subprocess.Process
    heard: list[Any] = field(default_factory=list)
    ids: "count[int]" = field(default_factory=lambda: count(1))

    async def say(self, message: Any) -> None:
        """Write a message."""
        await self.say_raw(json.dumps(message).encode())

    async def say_raw(self, line: bytes) -> None:
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def hear(self) -> Any:
        """The next message."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self.process.stdout.readline()
        assert line, "the bridge has ended"
        return json.loads(line)

    async def hear_answer(self, identity: object) -> Any:
        """The answer to a request; what else comes is kept in `heard`."""
        while True:
            message = await self.hear()
            if message.get("id") == identity and "method" not in message:
                return message
            self.heard.append(message)

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer to a request."""
        identity = next(self.ids)
        await self.say({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return await self.hear_answer(identity)

    async def call(self, tool: str, **arguments: Any) -> Any:
        """The result of a tool."""
        return (await self.ask("tools/call", name=tool, arguments=arguments))["result"]

    async def begin(self) -> Any:
        """The handshake of revision 2025-11-25; its result."""
        client = {"name": "tests", "version": "1"}
        met = await self.ask("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        await self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return met["result"]


@asynccontextmanager
async def bridged(*arguments: str, cwd: Path, **environment: str) -> AsyncIterator[Bridged]:
    """A bridge that runs until the block ends, and ends by itself when its client does."""
    plain: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(CCGRAPH, "mcp", *arguments),
        env={**plain, **environment},
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=10_000_000,
    )
    try:
        yield Bridged(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
