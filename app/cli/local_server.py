"""The server of this machine, and tokens that are made on it without logging in, as `ccgraph token` does."""

import os
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from app.config.errors import StartupError
from app.connect.local import LocalServer, server_on, servers
from app.connect.tokens import LIFETIME, IngestToken

if TYPE_CHECKING:
    from services.accounts.tokens import TokenPolicy
    from services.core.database import Database

Result = TypeVar("Result")


def local_server(url: str | None = None) -> LocalServer:
    """The server that runs here: on the data directory of the settings, or the only one of this user.

    With a URL, the one that has it. Raises: StartupError when there is none, or more than one.
    """
    found = {server.pid: server for server in servers()}
    beside = server_on(Path(os.environ.get("CCGRAPH_DATA_DIR") or ".data"))
    if url is None and beside is not None:
        return beside
    if beside is not None:
        found.setdefault(beside.pid, beside)
    fitting = [server for server in found.values() if url is None or _same(server.url, url)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise StartupError(
            "No ccgraph server of this user runs on this machine: start `ccgraph serve`, or give --url."
        )
    urls = ", ".join(server.url for server in fitting)
    raise StartupError(f"Several servers run on this machine ({urls}): choose one with --url.")


def issue_token(server: LocalServer, username: str | None, name: str) -> IngestToken | None:
    """A token that can only ingest, for an account of the server; None where its database is not at hand.

    Raises: StartupError when it is not clear which account is meant.
    """
    from app.cli.accounts import ORIGIN, account_of
    from models.enums import TokenType
    from services.accounts.token_store import issue_for_username

    async def issue(database: "Database", policy: "TokenPolicy") -> IngestToken:
        async with database.transaction() as connection:
            owner = await account_of(connection, username)
            issued = await issue_for_username(
                connection, policy, owner, ORIGIN, LIFETIME, TokenType.INGEST, name
            )
        return IngestToken(issued.token, name, str(issued.token_id), issued.expires_at.isoformat())

    return _with_database(server, issue)


def end_token(server: LocalServer, token_id: str) -> bool:
    """End a token on the server; False where its database is not at hand."""
    from uuid import UUID

    from services.accounts.token_store import revoke_login

    async def end(database: "Database", policy: "TokenPolicy") -> bool:
        async with database.transaction() as connection:
            await revoke_login(connection, UUID(token_id))
        return True

    return _with_database(server, end) or False


def _with_database(
    server: LocalServer, work: "Callable[[Database, TokenPolicy], Coroutine[Any, Any, Result]]"
) -> Result | None:
    """Run something on the database of a server; None where its settings are not at hand."""
    from app.cli.console import say
    from app.cli.opening import run
    from app.config.settings import load_settings
    from app.database import located
    from app.database.pools import open_database
    from services.accounts.tokens import TokenPolicy

    with ExitStack() as opened:
        try:
            opened.enter_context(chdir(server.folder))  # its `.env` is there
            settings = load_settings()
            if server.data_dir is not None:
                settings = settings.model_copy(
                    update={"data_dir": Path(server.data_dir), "database_url": None}
                )
            elif settings.database_url is None:
                return None
            found = opened.enter_context(located(settings, command="ccgraph connect", say=say))
            policy = TokenPolicy(found.settings.signing_key())
        except (StartupError, OSError):
            return None

        async def worked() -> Result:
            async with open_database(found.settings) as database:
                return await work(database, policy)

        return run(worked())


def _same(one: str, other: str) -> bool:
    """True if two URLs lead to the same port of this machine."""
    here = ("localhost", "127.0.0.1", "::1")
    first, second = urlsplit(one), urlsplit(other)
    return first.port == second.port and (
        first.hostname == second.hostname or (first.hostname in here and second.hostname in here)
    )
