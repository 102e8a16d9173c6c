"""A database that holds a small demo, cloned from a template."""

from typing import Any

import asyncpg

from services.demo import load

TEMPLATE = "ccgraph_small_demo"
SCALE, SEED = 0.001, 1


async def fill(connection: "asyncpg.Connection[Any]") -> None:
    """Load the demo, for `TestServer.template`."""
    await load(connection, scale=SCALE, seed=SEED)
