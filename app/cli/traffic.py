"""`ccgraph import-mcp`."""

from pathlib import Path
from uuid import UUID

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.console import problems, say
from app.cli.opening import location, run
from app.database.pools import open_database
from services.accounts.accounts import any_administrator
from services.mcp.importing import ImportedFile
from services.mcp.importing import import_file as import_messages


def import_file(file: Path, instance: UUID) -> None:
    """Record the messages of a file with a bar over its bytes, and tell how many were new."""

    async def imported() -> ImportedFile:
        async with open_database(found.settings) as database:
            async with database.transaction() as connection:
                principal = await any_administrator(connection)
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                console=problems,
                disable=not problems.is_terminal,
            ) as bars:
                bar = bars.add_task(file.name, total=None)
                return await import_messages(
                    database,
                    principal,
                    instance,
                    file,
                    lambda done, total: bars.update(bar, completed=done, total=total),
                )

    with location("import-mcp", existing=True) as found:
        outcome = run(imported())
    known = outcome.messages - outcome.recorded
    say(f"{outcome.messages} messages: {outcome.recorded} recorded, {known} were there already.")
