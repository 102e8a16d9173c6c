"""`ccgraph connect`, `disconnect` and `doctor`."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.syntax import Syntax

from app.cli.console import results, say
from app.cli.mcp_entry import Account, OwnServer, end_mcp_token, take_out
from app.config.errors import StartupError
from app.connect import connecting, own_server, wrapping
from app.connect import doctor as examining
from app.connect.claude_code import ClaudeFolder, claude_folder, oldest_version
from app.connect.client import Client, Unreachable, recent, server_of
from app.connect.connecting import Plan, Wanted
from app.connect.connection import Connection, Folder, Server, connected_folders, folder_of
from app.connect.local import LocalServer
from app.connect.locks import changing
from app.connect.tokens import IngestToken, make_token, name_for, revoke_token
from app.connect.wrapping import FileChange


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `ccgraph connect`."""

    url: str | None
    project: Path | None
    username: str | None
    token_file: Path | None
    ca: Path | None
    hold: int
    telemetry: bool
    wrap_mcp: bool = False
    mcp: bool = True


def connect(asked: Asked, *, dry_run: bool, ask: bool) -> None:
    """Show what changes, make a token, write. Raises: StartupError."""
    claude = claude_folder()
    with changing(claude.path):
        _connect(asked, claude, dry_run=dry_run, ask=ask)


def _connect(asked: Asked, claude: ClaudeFolder, *, dry_run: bool, ask: bool) -> None:
    folder = folder_of(claude, asked.project)
    server, local = _server(asked)
    wanted = Wanted(server, oldest_version(claude), asked.hold, asked.telemetry)
    planned = connecting.plan(folder, claude, wanted)
    _refuse_twice(asked, planned, server)
    _show(planned.diff)
    if planned.kept is not None:
        say(
            f"Telemetry stays as it is: `{planned.kept}` sends it to another place. Costs will be estimated "
            "from transcripts."
        )
    own = OwnServer(asked, claude, folder, server, local)
    changed = own.plan()
    if changed is not None:
        say(changed.kept or changed.sentence)
    proxies = wrapping.plan(claude, asked.project, server.url) if asked.wrap_mcp else []
    for change in proxies:
        say(f"A proxy comes before the MCP servers in {change.sentence}.")
    if dry_run:
        say("Nothing was changed.")
        return
    kept = _kept_token(planned, server)
    account = Account(asked.username)
    if not planned.changes and kept is not None and planned.existing is not None:
        if (proxies or own.changes) and ask:
            _agree("Write this?")
        connecting.connect(planned, wanted, kept)
        if own.changes:
            say(f"Connected to {server.url} already.")
        else:
            say(f"Connected to {server.url} already; nothing was changed.")
        wrapping.put_in(folder, proxies)
        own.write(account)
        return
    if (planned.changes or proxies or own.changes) and ask:
        _agree("Write this?")
    token = kept or _new_token(asked, server, local, account)
    connecting.connect(planned, wanted, token)
    wrapping.put_in(folder, proxies)
    own.write(account)
    say(f"Connected to {server.url} as {token.name!r}.")
    say(f"  settings    {folder.settings}")
    say(f"  token       {folder.token} (for you alone)")
    if planned.before.content is not None:
        say(f"  copy        {folder.copy}, as the settings were before")
    say(
        "Claude Code reads its settings when it starts: start it anew. `ccgraph watch --install` sends "
        "transcripts too, `ccgraph doctor` shows what arrives, `ccgraph disconnect` takes it all out again."
    )


def disconnect(project: Path | None, *, username: str | None, dry_run: bool, ask: bool) -> None:
    """Show what changes, take it out, end the token. Raises: StartupError."""
    claude = claude_folder()
    with changing(claude.path):
        _disconnect(claude, project, username=username, dry_run=dry_run, ask=ask)


def _disconnect(
    claude: ClaudeFolder, project: Path | None, *, username: str | None, dry_run: bool, ask: bool
) -> None:
    planned = connecting.plan_undoing(folder_of(claude, project))
    if planned is None:
        _remove_remains(folder_of(claude, project), dry_run=dry_run)
        return
    _show(planned.diff)
    proxies = _tell_proxies(planned.folder)
    own = own_server.plan_undoing(planned.folder)
    if own is not None and (own.changes or own.kept):
        say(own.kept or own.sentence)
    if dry_run:
        say("Nothing was changed.")
        return
    if (planned.diff or proxies or (own is not None and own.changes)) and ask:
        _agree("Write this?")
    # First, as a wrong password leaves everything as it is.
    account = Account(username)
    ended = _end_token(planned.connection, account)
    if own is not None and own.known is not None and own.known.token_id is not None:
        end_mcp_token(planned.connection.server, own.known.token_id, account)
    wrapping.take_out(planned.folder, proxies)
    take_out(planned.folder)
    connecting.undo(planned)
    if not connected_folders(claude):
        _start_no_more()
    say(f"Disconnected from {planned.connection.server.url}.")
    say(ended)


def _remove_remains(folder: Folder, *, dry_run: bool) -> None:
    """Remove what is there without a connection: the token and programs of a command that was killed."""
    say("Nothing is connected here.")
    recorded = own_server.record(folder).exists() or wrapping.plan_undoing(folder)
    if recorded or dry_run:
        return
    if folder.path.is_dir():
        say(f"What a command that was broken off had left in {folder.path} is removed.")
    folder.remove()


def take_proxies(project: Path | None, *, dry_run: bool, ask: bool) -> None:
    """Take the proxies from MCP servers, and leave the rest connected. Raises: StartupError."""
    claude = claude_folder()
    with changing(claude.path):
        _take_proxies(folder_of(claude, project), dry_run=dry_run, ask=ask)


def _take_proxies(folder: Folder, *, dry_run: bool, ask: bool) -> None:
    proxies = _tell_proxies(folder)
    if dry_run or not proxies:
        say("Nothing was changed.")
        return
    if ask:
        _agree("Write this?")
    wrapping.take_out(folder, proxies)


def _tell_proxies(folder: Folder) -> list[FileChange]:
    proxies = wrapping.plan_undoing(folder)
    for change in proxies:
        say(f"MCP servers get back their own commands in {change.sentence}.")
    return proxies


def doctor(project: Path | None, wait: int, *, as_json: bool) -> None:
    """Print what is found; exit code 1 when something is missing."""
    claude = claude_folder()
    folder = folder_of(claude, project)
    found: list[examining.Found] = []
    for one in examining.examine(folder, claude):
        found.append(one)
        if not as_json:
            _print(one.mark.value, one.what, one.told, one.advice)
    connection = folder.load()
    missing: list[str] = []
    if connection is not None and not any(
        one.mark is examining.Mark.BAD and one.what in ("server", "token") for one in found
    ):
        missing = _wait(folder_of(claude, project), connection, wait, quiet=as_json)
    if as_json:
        sys.stdout.write(examining.as_json(found, missing) + "\n")
    if any(one.mark is examining.Mark.BAD for one in found) or set(missing) - {"TRACES", "METRICS"}:
        raise typer.Exit(1)


def _wait(folder: Folder, connection: Connection, wait: int, *, quiet: bool) -> list[str]:
    kinds = examining.wanted_kinds(folder, connection)
    if wait and not quiet:
        say(
            f"Waiting up to {wait} s for an event of each kind: {', '.join(kinds)}. "
            "Use Claude Code meanwhile."
        )

    def told(kind: str, source: Mapping[str, Any]) -> None:
        if not quiet:
            _print("ok", kind, examining.last_told(source))

    try:
        missing = examining.wait_for(examining.client_of(folder, connection), kinds, wait, told)
    except Unreachable as error:
        raise StartupError(f"{connection.server.url} cannot be reached ({error}).") from error
    if not quiet:
        for kind in missing:
            _print("none", kind, "nothing has come", examining.ADVICE[kind])
    return missing


def _server(asked: Asked) -> tuple[Server, LocalServer | None]:
    from app.cli.local_server import local_server

    ca = None if asked.ca is None else str(asked.ca.resolve())
    if asked.url is not None:
        server = server_of(asked.url, ca)
        with suppress(StartupError):
            local = local_server(server.url)
            return server, local
        return server, None
    local = local_server()
    return server_of(local.url, ca), local


def _refuse_twice(asked: Asked, planned: Plan, server: Server) -> None:
    """Refuse to connect one project where all are connected: everything would come twice.

    Raises: StartupError.
    """
    if asked.project is None or planned.existing is not None:
        return
    everywhere = folder_of(claude_folder()).load()
    if everywhere is not None and everywhere.server.url == server.url:
        raise StartupError(f"All projects of this machine are connected to {server.url} already.")


def _kept_token(planned: Plan, server: Server) -> IngestToken | None:
    """The token of an earlier time, when the server still takes it."""
    existing = planned.existing
    if existing is None or existing.server.url != server.url:
        return None
    with suppress(OSError, Unreachable):
        token = planned.folder.token.read_text().strip()
        if recent(Client(server, token)).status != 401:
            return IngestToken(token, existing.token_name, existing.token_id, existing.expires_at)
    return None


def _new_token(asked: Asked, server: Server, local: LocalServer | None, account: Account) -> IngestToken:
    name = name_for(asked.project)
    if asked.token_file is not None:
        given = _given(asked.token_file)
        _require_taken(server, given)
        return IngestToken(given, "a token that was given")
    if local is not None:
        from app.cli.local_server import issue_token

        issued = issue_token(local, asked.username, name)
        if issued is not None:
            _require_taken(server, issued.token)
            return issued
    return make_token(Client(server), account.name, account.password, name)


def _given(file: Path) -> str:
    try:
        return sys.stdin.readline().strip() if str(file) == "-" else file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{file} cannot be read: {error}.") from error


def _require_taken(server: Server, token: str) -> None:
    try:
        answer = recent(Client(server, token))
    except Unreachable as error:
        raise StartupError(f"{server.url} cannot be reached ({error}); nothing was changed.") from error
    if answer.status >= 300:
        raise StartupError(f"{server.url} says: {answer.sentence} Nothing was changed.")


def _end_token(connection: Connection, account: Account) -> str:
    """End the token where that is possible; gives what became of it, and what is left to do."""
    if connection.token_id is None:
        return "The token was given: end it where it was made."
    from app.cli.local_server import end_token, local_server

    ended = False
    if account.is_named:
        revoke_token(Client(connection.server), account.name, account.password, connection.token_id)
        ended = True
    else:
        with suppress(StartupError):
            ended = end_token(local_server(connection.server.url), connection.token_id)
    if ended:
        return f"The token {connection.token_name!r} is ended."
    return (
        f"The token {connection.token_name!r} was removed from this machine. To end it on the server, too, "
        f'use the mutation `revokeToken(input: {{tokenId: "{connection.token_id}"}})`.'
    )


def _start_no_more() -> None:
    from app.cli.watching import watch_item
    from app.connect.login_items import uninstall

    with suppress(StartupError):
        if uninstall(watch_item()):
            say("`ccgraph watch` does not start at login any more.")


def _show(diff: str) -> None:
    if diff and results.is_terminal:
        results.print(Syntax(diff, "diff", background_color="default", word_wrap=True))
    elif diff:
        sys.stdout.write(diff)
        sys.stdout.flush()


def _print(mark: str, what: str, told: str, advice: str = "") -> None:
    text = f"{mark:<5} {what:<12} {told}" + (f"\n{'':<19}{advice}" if advice else "")
    results.print(text, markup=False, highlight=False, soft_wrap=True)


def _agree(question: str) -> None:
    if sys.stdin.isatty() and not typer.confirm(question, default=True, err=True):
        say("Nothing was changed.")
        raise typer.Exit(1)
