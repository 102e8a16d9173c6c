"""`ccgraph psql`, `pg-dump` and `pg-restore`: PostgreSQL's own programs on the database of the settings."""

import os
import signal
import subprocess
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from app.cli.console import say
from app.database import located
from app.database.programs import program
from app.settings import load_settings


def run_program(name: str, arguments: Sequence[str]) -> int:
    """Run `psql`, `pg_dump` or `pg_restore` with further arguments; its exit code."""
    with located(load_settings(), command=f"ccgraph {name.replace('_', '-')}", say=say) as found:
        address, environment = _without_user(found.url)
        # Ctrl-C belongs to psql, which cancels a query with it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            done = subprocess.run(
                [program(name), "--dbname", address, *arguments],
                env={**os.environ, **environment},
                check=False,
            )
        finally:
            signal.signal(signal.SIGINT, before)
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
