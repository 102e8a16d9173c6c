"""`ccgraph psql`, `pg-dump` and `pg-restore`: PostgreSQL's own programs on the database of the settings."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

import asyncpg

from app.cli.console import say
from app.cli.opening import require_existing
from app.config.errors import StartupError
from app.config.settings import load_settings
from app.database import located
from app.database.programs import program, without_user
from services.system.contents import RENEW_FEED

_LOOKING = frozenset({"-l", "--list", "-V", "--version", "-?", "--help"})
"""With these pg_restore leaves the database alone."""

_STRICT = frozenset({"-e", "--exit-on-error", "-1", "--single-transaction"})
_KNOWS_TRANSACTION_TIMEOUT = 17
_UNKNOWN_SETTING = 'unrecognized configuration parameter "transaction_timeout"'
_ITS_COMMAND = "Command was: SET transaction_timeout = 0;\n"
_IGNORED = "pg_restore: warning: errors ignored on restore: "

_RENEWING = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", RENEW_FEED)


def run_program(name: str, arguments: Sequence[str]) -> int:
    """Run `psql`, `pg_dump` or `pg_restore` with further arguments; its exit code.

    What pg_restore has read belongs to the role of the URL, whichever roles the dump names, and gets a new
    feed: transaction ids of another cluster mean nothing here, so cursors of before are refused from then on.
    """
    settings = load_settings()
    if name != "pg_restore":
        require_existing(settings)
    with located(settings, command=f"ccgraph {name.replace('_', '-')}", say=say) as found:
        address, environment = without_user(found.url)
        # Ctrl-C belongs to psql, which cancels a query with it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if name == "pg_restore" and not _LOOKING.intersection(arguments):
                code = _restore(found.url, address, environment, arguments)
                code = _run("psql", address, environment, _RENEWING) or code
            else:
                code = _run(name, address, environment, arguments)
        finally:
            signal.signal(signal.SIGINT, before)
    return code


def _restore(url: str, address: str, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    arguments = ["--no-owner", *arguments]
    if asyncio.run(_version(url)) >= _KNOWS_TRANSACTION_TIMEOUT:
        return _run("pg_restore", address, environment, arguments)
    if _STRICT.intersection(arguments):
        raise StartupError(
            "pg_restore sets `transaction_timeout`, which a server older than PostgreSQL 17 does not know: "
            "leave out --exit-on-error and --single-transaction."
        )
    with subprocess.Popen(
        [program("pg_restore"), "--dbname", address, *arguments],
        env={**os.environ, **environment, "LC_MESSAGES": "C"},
        stderr=subprocess.PIPE,
        text=True,
    ) as restoring:
        harmless = _pass_on(restoring.stderr or ())
    return 0 if harmless and restoring.returncode == 1 else restoring.returncode


def _pass_on(messages: Iterable[str]) -> bool:
    """Show what pg_restore says but for the setting that the server does not know; whether that was all.

    The number of errors says nothing: with several jobs each tells of its own, and not all are counted.
    """
    harmless, head = True, ""
    for line in messages:
        if line.startswith("pg_restore: while "):
            head = line  # shown with what comes next
        elif _UNKNOWN_SETTING in line:
            head = ""
        elif line != _ITS_COMMAND and not (harmless and line.startswith(_IGNORED)):
            harmless = harmless and not line.startswith("pg_restore: error:")
            sys.stderr.write(head + line)
            head = ""
    return harmless


async def _version(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return connection.get_server_version().major
    finally:
        await connection.close()


def _run(name: str, address: str, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    done = subprocess.run(
        [program(name), "--dbname", address, *arguments], env={**os.environ, **environment}, check=False
    )
    return done.returncode
