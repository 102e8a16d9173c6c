"""The beginning of most commands: settings, a running PostgreSQL, a database with our tables."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from app.cli.console import say
from app.config.errors import StartupError
from app.config.settings import Settings, load_settings
from app.connect.local import servers
from app.database import Location, located
from app.database.directory import LOCK
from app.database.revisions import migrate, require_current

Result = TypeVar("Result")


@contextmanager
def location(command: str, *, existing: bool = False) -> Iterator[Location]:
    """The database of the settings, running and at this release's revision.

    The embedded one is migrated for that; one that others may be using is not.

    Raises: StartupError for one at another revision that others may be using; and for one that is not there,
    in a command that needs an `existing` one.
    """
    settings = load_settings()
    if existing:
        require_existing(settings)
    with located(settings, command=f"ccgraph {command}", say=say) as found:
        if found.embedded is not None:
            run(migrate(found.url, say))
        else:
            run(require_current(found.url))
        yield found


def require_existing(settings: Settings) -> None:
    """Return where a database is or is being made. Raises: StartupError, before anything is written."""
    if settings.database_url is not None or (settings.data_dir / LOCK).exists():
        return
    running = [server.data_dir for server in servers() if server.data_dir is not None]
    elsewhere = f" A server of this user runs on {' and on '.join(running)}." if running else ""
    raise StartupError(
        f"There is no database of ccgraph in {settings.data_dir.absolute()}: go to the folder in which "
        f"`ccgraph serve` runs, or name its data directory in CCGRAPH_DATA_DIR.{elsewhere} "
        "`ccgraph serve` makes a new one."
    )


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end."""
    return uvloop.run(work)
