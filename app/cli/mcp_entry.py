"""Writes ccgraph's own MCP server for a connection, with an access token where the server is elsewhere."""

import socket
import sys
from functools import cached_property
from typing import TYPE_CHECKING

import typer

from app.cli.console import say
from app.config.errors import StartupError
from app.connect import own_server
from app.connect.claude_code import ClaudeFolder
from app.connect.client import Client
from app.connect.connection import Folder, Server
from app.connect.local import LocalServer
from app.connect.own_server import Change
from app.connect.tokens import make_token, revoke_token
from app.connect.wrapping import program

if TYPE_CHECKING:
    from app.cli.connecting import Asked

_UNOPENED = (
    "ccgraph's MCP server is not written: on this machine it would need an access token of yours. Connect "
    "with --username instead of --token-file, or add it by hand (`claude mcp add`)."
)


class Account:
    """The account that logs in; what was not given is asked for once."""

    def __init__(self, given: str | None) -> None:
        self._given = given

    @property
    def is_named(self) -> bool:
        """True if the person has said which account to log in to."""
        return self._given is not None

    @cached_property
    def name(self) -> str:
        """The name to log in with. Raises: StartupError where it cannot be asked for."""
        return self._given or _line("Username")

    @cached_property
    def password(self) -> str:
        """The password, from the terminal or the first line of the standard input."""
        if sys.stdin.isatty():
            text: str = typer.prompt("Password", hide_input=True, err=True)
            return text
        return sys.stdin.readline().rstrip("\n")


class OwnServer:
    """The entry of one connection; `local` is the server where it runs on this machine."""

    def __init__(
        self,
        asked: "Asked",
        claude: ClaudeFolder,
        folder: Folder,
        server: Server,
        local: LocalServer | None,
    ) -> None:
        self._asked = asked
        self._claude = claude
        self._folder = folder
        self._server = server
        self._local = local
        self._planned: Change | None = None

    @property
    def changes(self) -> bool:
        """True if Claude Code's configuration will be written."""
        return self._planned is not None and self._planned.changes

    def plan(self) -> Change | None:
        """The change that will be made, to be shown; None where there is none. Raises: StartupError."""
        if not self._asked.mcp:
            self._planned = own_server.plan_undoing(self._folder)
        elif self._can_be_opened():
            self._planned = self._written()
        else:
            if self._folder.load() is None:
                say(_UNOPENED)
            return None
        shown = self._planned
        return shown if shown is not None and (shown.changes or shown.kept) else None

    def write(self, account: Account) -> None:
        """Do it, as the file is now. Raises: StartupError."""
        if self._planned is None or not (self._planned.changes or self._planned.known):
            return
        if not self._asked.mcp:
            take_out(self._folder)
            return
        token_id = None
        if self._local is None and not self._folder.mcp_token.exists():
            name = f"MCP of Claude Code on {socket.gethostname()}"[:100]
            made = make_token(Client(self._server), account.name, account.password, name, "FULL")
            self._folder.write(self._folder.mcp_token, made.token + "\n")
            token_id = made.token_id
        change = self._written()
        own_server.carry_out(change, token_id)

    def _written(self) -> Change:
        arguments: list[str] = []
        if self._local is None:
            arguments = ["--token-file", str(self._folder.mcp_token)]
        elif self._asked.username is not None:
            arguments = ["--username", self._asked.username]
        data_dir = None if self._local is None else self._local.data_dir
        value = own_server.entry(program(), self._server, arguments, data_dir)
        return own_server.plan(self._folder, self._claude, self._asked.project, value)

    def _can_be_opened(self) -> bool:
        """True if there is an access token, or one can be made."""
        if self._local is not None or self._folder.mcp_token.exists():
            return True
        if self._asked.token_file is not None:
            return False
        return self._asked.username is not None or self._folder.load() is None


def take_out(folder: Folder) -> None:
    """Take the entry out as the file is now. Raises: StartupError."""
    change = own_server.plan_undoing(folder)
    if change is not None:
        own_server.carry_out(change)


def end_mcp_token(server: Server, token_id: str, account: Account) -> None:
    """End the access token of the entry where a person logs in; where it may live on, say how it is ended."""
    ends = f'`revokeToken(input: {{tokenId: "{token_id}"}})` ends it.'
    if not account.is_named:
        say(f"The MCP server had a token of its own: {ends}")
        return
    try:
        revoke_token(Client(server), account.name, account.password, token_id)
    except StartupError as error:
        reason = str(error).removesuffix(" Nothing was changed.").removesuffix("; nothing was changed.")
        say(f"The token of the MCP server is not ended. {reason.rstrip('.')}. If it is still there, {ends}")


def _line(what: str) -> str:
    if sys.stdin.isatty():
        text: str = typer.prompt(what, err=True)
        return text
    raise StartupError(f"Give --{what.lower()}: the account to log in as.")
