"""`ccgraph create-admin` and `ccgraph token`."""

import sys
from datetime import timedelta

import typer

from app.cli.console import say
from app.cli.opening import location, run
from app.config.errors import StartupError
from app.database.pools import open_database
from models.enums import TokenType
from services.accounts.accounts import active_usernames
from services.accounts.accounts import create_admin as create_admin_account
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import WriteConnection
from services.core.principal import Origin
from services.demo import DEMO_USER

ORIGIN = Origin(user_agent="ccgraph command line")


def create_admin(username: str, email: str | None) -> None:
    """Create an administrator's account; the password comes from the terminal or the standard input."""
    password = _asked_password()

    async def create() -> None:
        async with open_database(found.settings) as database, database.transaction() as connection:
            await create_admin_account(connection, username, password, email)

    with location("create-admin") as found:
        run(create())
    say(f"Administrator {username} created. The mutation `login` gives tokens; so does `ccgraph token`.")


def print_token(username: str | None, minutes: int, *, ingest: bool = False) -> None:
    """Write a new token to the standard output: an access token, or one that can only `ingest`."""

    async def issue() -> str:
        policy = TokenPolicy(found.settings.signing_key())
        kind = TokenType.INGEST if ingest else TokenType.ACCESS
        async with open_database(found.settings) as database, database.transaction() as connection:
            name = await account_of(connection, username)
            issued = await issue_for_username(
                connection, policy, name, ORIGIN, timedelta(minutes=minutes), kind
            )
        return issued.token

    with location("token", existing=True) as found:
        sys.stdout.write(run(issue()) + "\n")


async def account_of(connection: WriteConnection, username: str | None) -> str:
    """The name of the account for a token: the person who is named, the only one there is, or the demo's.

    Raises: StartupError when that is not clear.
    """
    if username is not None:
        return username
    usernames = await active_usernames(connection)
    if len(usernames) == 1:
        return usernames[0]
    if DEMO_USER in usernames:
        return DEMO_USER
    if not usernames:
        raise StartupError("There is no account yet: make one with `ccgraph create-admin`.")
    raise StartupError("There are several accounts: choose one with --username.")


def _asked_password() -> str:
    if sys.stdin.isatty():
        text: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return text
    return sys.stdin.readline().rstrip("\n")
