"""What most commands begin with: settings, a running PostgreSQL, a database with our tables."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from app.cli.console import say
from app.config.settings import load_settings
from app.database import Location, located
from app.database.revisions import migrate, require_current

Result = TypeVar("Result")


@contextmanager
def location(command: str) -> Iterator[Location]:
    """The database of the settings, running and at this release's revision.

    The embedded one is migrated for that. One that others may be using is not: that is a StartupError.
    """
    with located(load_settings(), command=f"ccgraph {command}", say=say) as found:
        if found.embedded is not None:
            run(migrate(found.url, say))
        else:
            run(require_current(found.url))
        yield found


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end."""
    return uvloop.run(work)
