"""`ccgraph psql`."""

import os
import signal
import subprocess
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from app.cli.console import say
from app.database import located
from app.database.programs import program
from app.settings import load_settings


def psql(arguments: Sequence[str]) -> int:
    """Run psql on the database of the settings with further arguments; its exit code."""
    with located(load_settings(), command="ccgraph psql", say=say) as found:
        address, environment = _without_password(found.url)
        # Ctrl-C belongs to psql, which cancels a query with it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            done = subprocess.run(
                [program("psql"), "--dbname", address, *arguments],
                env={**os.environ, **environment},
                check=False,
            )
        finally:
            signal.signal(signal.SIGINT, before)
    return done.returncode


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """A URL for the command line, which the whole machine can read, and the password apart from it."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, {}
    user, _, place = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}"))
    return bare, {"PGPASSWORD": unquote(parts.password)}
