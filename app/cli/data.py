"""`ccgraph migrate`, `check`, `demo` and `psql`."""

import os
import signal
import subprocess
from typing import Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
import typer
from rich.box import SIMPLE
from rich.progress import TaskID
from rich.table import Table

from app.cli.console import progress_bars, results, say
from app.cli.opening import location, run
from app.database import located
from app.database.pools import open_database
from app.database.programs import program
from app.database.revisions import migrate as bring_up_to_date
from app.settings import load_settings
from services import demo as demo_fleet
from services.integrity import Finding, examine


def migrate() -> None:
    """Bring the database to this release's tables.

    Safe to run twice and from two places at once. With the embedded PostgreSQL every command does it
    by itself.
    """
    with located(load_settings(), command="ccgraph migrate", say=say) as found:
        changed = run(bring_up_to_date(found.url, say))
    say("The database is up to date." if changed else "The database was up to date already.")


def check() -> None:
    """Look through the data for what should not be, as the client document does in an emergency (8.3).

    Exit code 1 when something has to be looked at.
    """

    async def examined() -> list[Finding]:
        async with open_database(found.settings) as database, database.transaction() as connection:
            return await examine(connection)

    with location("check") as found:
        findings = run(examined())
    table = Table("", "what", "found", box=SIMPLE)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[bold red]look[/]"
        table.add_row(mark, finding.name, finding.value)
    results.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def demo(
    scale: Annotated[
        float, typer.Option(help="1 is a year of 100 users with about a million rows of file operations.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
) -> None:
    """Load a believable fleet into an empty database: people, projects, instances, tasks, messages, logs.

    ccgraph demo --scale 0.1 --seed 7
    """
    with location("demo") as found:
        run(load_demo(found.url, scale, seed))
    say(f"Log in as {demo_fleet.DEMO_USER} or {demo_fleet.ADMINISTRATOR}, password {demo_fleet.PASSWORD}.")


def psql(context: typer.Context) -> None:
    """Open a SQL prompt on the database; what follows goes to psql.

    ccgraph psql
    ccgraph psql -c "SELECT status, count(*) FROM cc_instances GROUP BY status"
    """
    with located(load_settings(), command="ccgraph psql", say=say) as found:
        address, environment = _without_password(found.url)
        # Ctrl-C belongs to psql, which cancels a query with it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            done = subprocess.run(
                [program("psql"), "--dbname", address, *context.args],
                env={**os.environ, **environment},
                check=False,
            )
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(done.returncode)


async def load_demo(url: str, scale: float, seed: int) -> None:
    """Fill the database at `url`, with a bar for each table."""
    connection = await asyncpg.connect(url)
    try:
        with progress_bars() as bars:
            tasks: dict[str, TaskID] = {}

            def show(table: str, done: int, expected: int) -> None:
                if table not in tasks:
                    tasks[table] = bars.add_task(table)
                bars.update(tasks[table], completed=done, total=expected)

            await demo_fleet.load(connection, scale=scale, seed=seed, progress=show)
    finally:
        await connection.close()


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """A URL for the command line, which the whole machine can read, and the password apart from it."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, {}
    user, _, place = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}"))
    return bare, {"PGPASSWORD": unquote(parts.password)}
