"""`ccgraph maintenance`."""

import typer
from rich.box import SIMPLE
from rich.table import Table

from app.cli.console import progress_bars, results, say
from app.cli.opening import location, run
from app.config.errors import StartupError
from app.config.settings import Settings
from app.config.telemetry import configure_logging, people_read
from app.database.pools import open_database
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin
from services.system.maintenance import Outcome, Told
from services.system.maintenance_steps import STEPS, Step

SOME_FAILED = 3


def maintain(*, dry_run: bool) -> None:
    """Run maintenance, or count what it would do, and print what it did as a table."""
    with location("maintenance", existing=True) as found:
        configure_logging(_logging(found.settings))
        outcomes = run(_maintained(found.settings, dry_run=dry_run))
    if outcomes is None:
        raise StartupError(
            "another process runs maintenance of this database at the moment; nothing was done here. "
            "`maintenanceRuns` shows its progress."
        )
    show(outcomes)
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        say(f"{failed} of {len(outcomes)} steps failed; the others were done (失敗したステップ: {failed}).")
        raise typer.Exit(SOME_FAILED)
    said = "Nothing was changed (変更なし)." if dry_run else "Every step was done (すべて完了)."
    say(said)


def _logging(settings: Settings) -> Settings:
    """People read the table, and of the log what went wrong; collectors get all of it."""
    quiet = people_read(settings) and settings.log_level in ("debug", "info")
    return settings.model_copy(update={"log_level": "warning"}) if quiet else settings


async def _maintained(settings: Settings, *, dry_run: bool) -> list[Outcome] | None:
    with progress_bars() as bars:
        whole = bars.add_task("maintenance", total=len(STEPS))

        def began(step: Step) -> None:
            bars.update(whole, description=step.title)

        told = Told(began, lambda outcome: bars.advance(whole))
        async with open_database(settings) as database:
            maintenance = maintenance_of(settings, database)
            if dry_run:
                return await maintenance.dry_run(told=told)
            return await maintenance.run(MaintenanceOrigin.COMMAND, told=told)


def show(outcomes: list[Outcome]) -> None:
    """One row for each step: what it is, what it did, how long it took, why it failed."""
    table = Table("", "step", "ステップ", "done", "seconds", box=SIMPLE)
    for outcome in outcomes:
        mark = "[green]ok[/]" if outcome.error is None else "[bold red]failed[/]"
        done = ", ".join(f"{what}: {number:,}" for what, number in outcome.done.items()) or "-"
        table.add_row(mark, outcome.step.title, outcome.step.japanese, done, f"{outcome.seconds:.2f}")
        if outcome.error is not None:
            table.add_row("", outcome.error)
    results.print(table)
