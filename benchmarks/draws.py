"""Variables for the shapes of reading, drawn from the data.

There are more sets of them than connections, so that no two requests under way are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from benchmarks.shapes import DEPTH

NUMBER = 120
"""Sets of variables of each draw; those of projects are fewer where there are fewer projects."""

Variables = dict[str, object]
Draws = dict[str, list[Variables]]


@dataclass(frozen=True, slots=True)
class Place:
    """A message after which a deep page begins."""

    id: str
    created_at: str


async def drawn(database_url: str) -> tuple[Draws, list[Place]]:
    """The sets of variables of each draw, and the places where deep pages begin.

    Raises:
        RuntimeError: the database has no demo.
    """
    connection = await asyncpg.connect(database_url)
    try:
        tasks = await connection.fetch("SELECT id FROM tasks ORDER BY id OFFSET 1")
        first = await connection.fetchval("SELECT min(created_at) FROM tasks")
        projects = await connection.fetch("SELECT id FROM projects ORDER BY id")
        times = await connection.fetch("SELECT created_at FROM mcp_messages ORDER BY created_at OFFSET 1")
        depth = min(DEPTH, len(times) - 10_000)
        rows = await connection.fetch(
            "SELECT id, created_at FROM mcp_messages ORDER BY created_at, id OFFSET $1 LIMIT 6000", depth - 1
        )
    finally:
        await connection.close()
    if depth <= 0 or len(tasks) < 1000:
        raise RuntimeError("The benchmark's database lacks the demo: remove benchmarks/.data and try again")
    draws: Draws = {
        "task": [{"id": str(row["id"])} for row in _spread(tasks)],
        "tasks": [{"from": str(row["id"])} for row in _spread(tasks[:-200])],
        "projects": [{"from": row["id"]} for row in _spread(projects[:-20])],
        "priority-since": [
            {"priority": number % 9 + 1, "since": _earlier(first, number)} for number in range(NUMBER)
        ],
        "since": [{"since": _earlier(first, number)} for number in range(NUMBER)],
        "messages-since": [{"since": row["created_at"].isoformat()} for row in _spread(times[:-200])],
    }
    return draws, [Place(str(row["id"]), row["created_at"].isoformat()) for row in _spread(rows)]


def _earlier(first: datetime, number: int) -> str:
    """A time before all rows, so that each request differs and none is spared a row."""
    return (first - timedelta(minutes=number)).isoformat()


def _spread(rows: Sequence[asyncpg.Record]) -> Sequence[asyncpg.Record]:
    """A selection of at most NUMBER rows, spread evenly over all of them."""
    step = max(1, len(rows) // NUMBER)
    return rows[::step][:NUMBER]
