"""Benchmark of the feed's cost to writers: updates a second with its trigger and without, by pgbench."""

import asyncio
import re
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.database.programs import program
from benchmarks.database import BenchmarkDatabase

CONNECTIONS, SECONDS, ROUNDS = 16, 3, 9
_TRIGGER = "tr_cc_instances_feed_update"

# Each connection changes an instance of its own, so that none waits for another one's lock.
_SCRIPT = """
UPDATE cc_instances SET status = CASE status WHEN 'RUNNING' THEN 'IDLE' ELSE 'RUNNING' END
WHERE id = ('{{{instances}}}'::uuid[])[:client_id + 1];
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """Updates a second."""

    watched: float
    bare: float

    @property
    def share(self) -> float:
        """The share of the rate that remains with the feed on."""
        return self.watched / self.bare


async def measure_writers(database: BenchmarkDatabase) -> Rates:
    """Measure writing with the feed and without in turns, the median of each."""
    connection = await asyncpg.connect(database.url)
    rates: dict[bool, list[float]] = {True: [], False: []}
    try:
        instances = await connection.fetch("SELECT id FROM cc_instances ORDER BY id LIMIT $1", CONNECTIONS)
        script = _SCRIPT.format(instances=",".join(str(row["id"]) for row in instances))
        for _ in range(ROUNDS):
            for watched in (True, False):
                await _watch(connection, watched)
                rates[watched].append(await _pgbench(database.url, script))
    finally:
        await _watch(connection, True)
        await connection.close()
    return Rates(statistics.median(rates[True]), statistics.median(rates[False]))


async def _watch(connection: "asyncpg.Connection[asyncpg.Record]", on: bool) -> None:
    await connection.execute(f"ALTER TABLE cc_instances {'ENABLE' if on else 'DISABLE'} TRIGGER {_TRIGGER}")


async def _pgbench(url: str, script: str) -> float:
    """Transactions a second."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        process = await asyncio.create_subprocess_exec(
            *(program("pgbench"), "--no-vacuum", f"--client={CONNECTIONS}", f"--time={SECONDS}"),
            *("--protocol=prepared", f"--file={Path(file.name)}", url),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    found = re.search(rb"tps = ([\d.]+)", output)
    if process.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {output.decode()}")
    return float(found[1])
