"""`ccgraph watch` and `ccgraph import-transcripts`."""

import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import FrameType

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.console import problems, say
from app.config.errors import StartupError
from app.connect import importing, watching
from app.connect.claude_code import claude_folder
from app.connect.client import Client, Unreachable
from app.connect.connection import Folder, connected_folders, folder_of
from app.connect.login_items import LoginItem, install, login_item, uninstall
from app.connect.sending import Refused


def watch(project: Path | None, days: int, *, once: bool) -> None:
    """Watch until a signal comes; exit code 1 when `once` could not send everything."""
    folders = _folders(project)
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with ExitStack() as held:
        for folder in folders:
            # `ccgraph doctor` holds it for a moment to see whether this runs.
            if not held.enter_context(folder.alone(within=2.0)):
                raise StartupError("`ccgraph watch` runs already on this machine.")
        if not once:
            say(f"Watching {folders[0].projects}. Ctrl-C ends it.")
        if not watching.watch_all(folders, say, stop, backfill=timedelta(days=days), once=once):
            raise typer.Exit(1)


def at_login(*, start: bool) -> None:
    """Start `ccgraph watch` at login from now on, or no more."""
    if start:
        _folders(None)
        item = watch_item()
        install(item)
        say(f"`ccgraph watch` runs, and starts at every login ({item.path}).")
    elif uninstall(watch_item()):
        say("`ccgraph watch` does not start at login any more.")
    else:
        say("`ccgraph watch` does not start at login; nothing was changed.")


def watch_item() -> LoginItem:
    """The login item that starts `watch` of this ccgraph."""
    return login_item([str(Path(sys.executable).with_name("ccgraph")), "watch"])


def import_transcripts(path: Path, project: Path | None) -> None:
    """Send transcripts with a bar over their bytes; exit code 1 when lines could not be read."""
    folder = _folders(project)[0]
    connection = folder.load()
    if connection is None:
        raise StartupError("Nothing is connected here: run `ccgraph connect` first.")
    client = Client(connection.server, folder.token.read_text().strip())
    began = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=problems,
        disable=not problems.is_terminal,
    ) as bars:
        bar = bars.add_task(path.name, total=None)
        try:
            sent = importing.import_all(
                client, path, lambda done, total: bars.update(bar, completed=done, total=total)
            )
        except Unreachable as error:
            raise StartupError(
                f"{connection.server.url} cannot be reached ({error}): run the command again, it continues "
                "where it stopped."
            ) from error
        except Refused as error:
            raise StartupError(f"{connection.server.url} answers {error.answer.status}: {error}") from error
    took = time.monotonic() - began
    say(
        f"{sent.files} files, {sent.lines} lines ({sent.bytes / 1e6:.1f} MB) in {took:.1f} s; "
        f"{sent.unreadable} lines could not be read, {sent.left_out} are too long."
    )
    if sent.closed:
        say(
            f"Files that could not be read: {sent.closed}. Look who may read them, and run the command again."
        )
    if sent.unreadable or sent.left_out or sent.closed:
        raise typer.Exit(1)


def _folders(project: Path | None) -> list[Folder]:
    """The connections to work for: the one for all projects, or else each of one project."""
    claude = claude_folder()
    if project is not None:
        found = [folder_of(claude, project)]
    else:
        paths = connected_folders(claude)
        found = [Folder(path, path, claude.projects, claude.sessions) for path in paths]
        if found and found[0].path.name == "user":
            found = found[:1]
    if not found or not found[0].record.exists():
        raise StartupError("Nothing is connected here: run `ccgraph connect` first.")
    return found
