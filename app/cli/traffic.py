"""`ccgraph import-mcp`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.console import problems, say
from app.cli.opening import location, run
from app.database.pools import open_database
from services.accounts import any_administrator
from services.mcp.importing import ImportedFile
from services.mcp.importing import import_file as import_messages


def import_mcp(
    file: Annotated[
        Path, typer.Argument(help="JSON-RPC messages, one JSON object a line.", exists=True, dir_okay=False)
    ],
    instance: Annotated[UUID, typer.Option(help="The id of the CC instance whose traffic it is.")],
) -> None:
    """File recorded MCP traffic under a CC instance, through the same code as `recordMcpMessages`.

    A line is a message, or an object with the message under `message` and its time under `at`. Nothing is
    stored when a line is wrong; a file that was imported before adds nothing.

        ccgraph import-mcp traffic.jsonl --instance 0197a3e2-...
    """

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

    with location("import-mcp") as found:
        outcome = run(imported())
    known = outcome.messages - outcome.recorded
    say(f"{outcome.messages} messages: {outcome.recorded} recorded, {known} were there already.")
