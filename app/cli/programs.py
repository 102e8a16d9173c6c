"""`ccgraph psql`, `pg-dump` and `pg-restore`: PostgreSQL's own programs on the database of the settings."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from app.cli.console import say
from app.config.settings import load_settings
from app.database import located
from app.database.programs import program

_LOOKING = frozenset({"-l", "--list", "-V", "--version", "-?", "--help"})
"""With these pg_restore leaves the database alone."""

# A dump may be older than the function.
_RENEW_FEED = """
DO $$ BEGIN
    IF to_regproc('ccgraph_renew_feed') IS NOT NULL THEN
        PERFORM ccgraph_renew_feed();
    END IF;
END $$
"""
_RENEWING = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", _RENEW_FEED)


def run_program(name: str, arguments: Sequence[str]) -> int:
    """Run `psql`, `pg_dump` or `pg_restore` with further arguments; its exit code.

    What pg_restore has read gets a new feed: transaction ids of another cluster mean nothing here, so cursors
    of before are refused from then on.
    """
    with located(load_settings(), command=f"ccgraph {name.replace('_', '-')}", say=say) as found:
        address, environment = _without_user(found.url)
        # Ctrl-C belongs to psql, which cancels a query with it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = _run(name, address, environment, arguments)
            if name == "pg_restore" and not _LOOKING.intersection(arguments):
                code = _run("psql", address, environment, _RENEWING) or code
        finally:
            signal.signal(signal.SIGINT, before)
    return code


def _run(name: str, address: str, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    done = subprocess.run(
        [program(name), "--dbname", address, *arguments], env={**os.environ, **environment}, check=False
    )
    return done.returncode


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """A URL for the command line, and apart from it what libpq reads from the environment.

    The whole machine can read a command line, which is no place for a password; and `psql --username` goes
    before the environment, not before a URL.
    """
    parts = urlsplit(url)
    environment = {"PGUSER": parts.username, "PGPASSWORD": parts.password}
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # A URL without a host needs the two slashes that urlunsplit leaves out.
    address = address if "://" in address else address.replace(":", "://", 1)
    return address, {name: unquote(value) for name, value in environment.items() if value}
