"""Prepared statements that a connection keeps, bounded by the length of their texts.

PostgreSQL keeps 60 to 260 bytes for each character of a prepared statement: the statement, and a plan that
grows with the partitions of its tables. A bound on their number alone lets one caller fill hundreds of MB.
"""

from typing import Any

from app.compat.asyncpg_statements import Key, OpenCache, cache_of, replace_cache
from services.core.cache import BoundedCache
from services.core.tcp_keepalive import WatchedConnection

MOST_CHARACTERS = 120_000
"""Of all statements that are kept on a connection, which are up to 30 MB in PostgreSQL."""

LARGE = 20_000
"""Characters of a statement that is not kept: it comes once, and would take the place of many others."""

CLEANING_TIMEOUT = 10.0
"""Seconds."""


class BoundedStatementCache(OpenCache):
    """asyncpg's cache, which forgets what was used longest ago until the texts are short enough.

    Not a `BoundedCache`: asyncpg asks its own class for statements, bounds their number and age in it, and
    hears from it which ones PostgreSQL is to forget.

    `spoiled` says that a statement ran that is not kept; PostgreSQL holds it until the next one of its kind.
    """

    __slots__ = ("characters", "spoiled")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.characters = 0
        self.spoiled = False

    def get(self, query: Key, *, promote: bool = True) -> Any:
        """The statement, if it is kept."""
        found = super().get(query, promote=promote)
        if found is None and len(query[0]) > LARGE:
            self.spoiled = True
        return found

    def prepared(self) -> None:
        """A statement was prepared, which took longer than counting all of them does."""
        super().prepared()
        kept = [len(query[0]) for query in self.kept()]
        self.characters, number = sum(kept), len(kept)
        while self.characters > MOST_CHARACTERS and number > 1:
            self.characters -= len(self.forget_oldest()[0])
            number -= 1


class PlanningConnection(WatchedConnection):
    """A connection whose prepared statements are bounded."""

    __slots__ = ()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        replace_cache(self, BoundedStatementCache)

    @property
    def spoiled(self) -> bool:
        """True if PostgreSQL holds a large statement that will not be used again."""
        return bool(cache_of(self).spoiled)

    async def clean(self) -> None:
        """Let PostgreSQL forget it; any statement that comes without being prepared does."""
        cache_of(self).spoiled = False
        await self.execute("SELECT", timeout=CLEANING_TIMEOUT)


def bounded_statements() -> BoundedCache[str, tuple[Any, ...]]:
    """The same for what SQLAlchemy keeps of a connection by the text of a statement."""
    return BoundedCache(size=MOST_CHARACTERS, size_of=lambda text, _: len(text))
