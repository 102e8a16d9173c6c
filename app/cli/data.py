"""`ccgraph migrate`, `check` and `demo`."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import typer
from rich.box import SIMPLE
from rich.progress import TaskID
from rich.table import Table

from app.cli.console import progress_bars, results, say
from app.cli.opening import location, run
from app.config.settings import Settings, load_settings
from app.database import Location, located
from app.database.pools import open_database
from app.database.revisions import migrate as bring_up_to_date
from services import demo as demo_fleet
from services.core.connecting import connect
from services.system.integrity import Finding, examine


def migrate() -> None:
    """Bring the database to this release's revision."""
    with located(load_settings(), command="ccgraph migrate", say=say) as found:
        changed = run(bring_up_to_date(found.url, say))
    say("The database is up to date." if changed else "The database was up to date already.")


def check() -> None:
    """Print what is found as a table; exit code 1 when something has to be looked at."""

    async def examined() -> list[Finding]:
        async with open_database(found.settings) as database, database.transaction() as connection:
            return await examine(connection)

    with location("check", existing=True) as found:
        findings = run(examined())
    if not show(findings):
        raise typer.Exit(1)


def show(findings: list[Finding]) -> bool:
    """Print what an examination found; whether all is well."""
    table = Table("", "what", "found", box=SIMPLE)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[bold red]look[/]"
        table.add_row(mark, finding.name, finding.value)
    results.print(table)
    return all(finding.ok for finding in findings)


@dataclass(frozen=True, slots=True)
class Year:
    """The demo's parameters: its size, its seed, and when its year ends."""

    scale: float
    seed: int
    until: datetime

    @classmethod
    def up_to_now(cls, scale: float, seed: int) -> "Year":
        """One that ends this minute, so that it is of use to who looks at the last days."""
        return cls(scale, seed, datetime.now(UTC).replace(second=0, microsecond=0))


def demo(year: Year) -> None:
    """Load the demo fleet and tell how to log in."""
    with location("demo") as found:
        load_demo_and_tell(found, year)


def load_demo_and_tell(found: Location, year: Year) -> None:
    """The same in a database that is open."""
    password = demo_password(found.settings)
    run(load_demo(found.url, year, password))
    say(f"Log in as {demo_fleet.DEMO_USER} or {demo_fleet.ADMINISTRATOR}, password {password}.")


def demo_password(settings: Settings) -> str:
    """The password of the demo's accounts: the documented one, or a new one where others reach the server."""
    return demo_fleet.PASSWORD if settings.only_this_machine else secrets.token_urlsafe(12)


async def load_demo(url: str, year: Year, password: str) -> None:
    """Fill the database at `url`, with a bar for each table."""
    connection = await connect(url)
    try:
        with progress_bars() as bars:
            tasks: dict[str, TaskID] = {}

            def show(table: str, done: int, expected: int) -> None:
                if table not in tasks:
                    tasks[table] = bars.add_task(table)
                bars.update(tasks[table], completed=done, total=expected)

            await demo_fleet.load(
                connection,
                scale=year.scale,
                seed=year.seed,
                until=year.until,
                progress=show,
                password=password,
                another=partial(connect, url),
            )
    finally:
        await connection.close()
