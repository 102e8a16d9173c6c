"""asyncpg's cache of prepared statements, and how a connection gets another one."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from asyncpg import connection as asyncpg_connection

if TYPE_CHECKING:
    StatementCache: TypeAlias = Any
else:
    StatementCache = asyncpg_connection._StatementCache

Key: TypeAlias = tuple[str, Any, Any]
"""The text of a statement, and how its records are made."""


class OpenCache(StatementCache):  # type: ignore[misc] # not in the stubs
    """asyncpg's cache, which says what it keeps and lets go of it."""

    __slots__ = ()

    def kept(self) -> Iterator[Key]:
        """The statements, from the one that was used longest ago."""
        return iter(self._entries)

    def forget_oldest(self) -> Key:
        """Forget what was used longest ago; the connection has PostgreSQL forget it, too."""
        key: Key
        key, entry = self._entries.popitem(last=False)
        self._clear_entry_callback(entry)
        self._on_remove(entry._statement)
        return key

    def prepared(self) -> None:
        """A statement was prepared and is kept now: asyncpg's bounds hold again when this returns."""
        super()._maybe_cleanup()

    def _maybe_cleanup(self) -> None:
        self.prepared()


def replace_cache(connection: Any, make: Callable[..., OpenCache]) -> None:
    """Give a connection that has just been made a cache of another class, with the options of its own."""
    given = connection._stmt_cache
    connection._stmt_cache = make(
        loop=given._loop,
        max_size=given._max_size,
        on_remove=given._on_remove,
        max_lifetime=given._max_lifetime,
    )


def cache_of(connection: Any) -> Any:
    """The cache of a connection."""
    return connection._stmt_cache
