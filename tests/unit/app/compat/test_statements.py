"""What the modules on asyncpg and SQLAlchemy in app/compat rely on."""

import asyncio
import inspect
from types import SimpleNamespace

import asyncpg
from asyncpg.connection import _StatementCache  # type: ignore[attr-defined] # not in the stubs
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection

from app.compat.asyncpg_statements import OpenCache, cache_of, replace_cache
from services.core.tcp_keepalive import WatchedConnection


def statement() -> SimpleNamespace:
    """As much of a prepared statement as a cache looks at."""
    return SimpleNamespace(closed=False)


async def test_the_cache_of_asyncpg_forgets_what_it_is_told_to() -> None:
    forgotten: list[object] = []
    cache = OpenCache(
        loop=asyncio.get_running_loop(), max_size=10, on_remove=forgotten.append, max_lifetime=60
    )
    first, second = statement(), statement()
    cache.put(("SELECT 1", None, False), first)
    cache.put(("SELECT 2", None, False), second)
    assert cache.get(("SELECT 1", None, False)) is first
    assert [key[0] for key in cache.kept()] == ["SELECT 2", "SELECT 1"]
    assert cache.forget_oldest()[0] == "SELECT 2"
    assert forgotten == [second]
    assert cache.get(("SELECT 2", None, False), promote=True) is None
    cache.clear()


async def test_the_cache_is_told_of_every_statement_that_is_prepared() -> None:
    told: list[int] = []

    class Counted(OpenCache):
        def prepared(self) -> None:
            super().prepared()
            told.append(len([*self.kept()]))

    cache = Counted(loop=asyncio.get_running_loop(), max_size=2, on_remove=lambda _: None, max_lifetime=0)
    for number in range(4):
        cache.put((f"SELECT {number}", None, False), statement())
    assert told == [1, 2, 2, 2]


def test_a_connection_takes_another_cache_with_the_same_options() -> None:
    assert "_stmt_cache" in asyncpg.Connection.__slots__
    options = [name for name in inspect.signature(_StatementCache.__init__).parameters if name != "self"]
    assert sorted(options) == ["loop", "max_lifetime", "max_size", "on_remove"]
    given = _StatementCache(loop=None, max_size=7, on_remove=print, max_lifetime=5)
    connection = SimpleNamespace(_stmt_cache=given)
    replace_cache(connection, OpenCache)
    made = cache_of(connection)
    assert isinstance(made, OpenCache)
    assert (made.get_max_size(), made.get_max_lifetime()) == (7, 5)


def test_a_connection_is_made_of_its_protocol_and_transport() -> None:
    assert [*inspect.signature(asyncpg.Connection.__init__).parameters][:3] == [
        "self",
        "protocol",
        "transport",
    ]
    assert issubclass(WatchedConnection, asyncpg.Connection)


def test_sqlalchemy_keeps_statements_in_a_mapping_of_each_connection() -> None:
    assert "_prepared_statement_cache" in AsyncAdapt_asyncpg_connection.__slots__
    source = inspect.getsource(AsyncAdapt_asyncpg_connection._prepare)
    for part in (
        "cache = self._prepared_statement_cache",
        "operation in cache",
        "cache[operation]",
        "cache[operation] =",
    ):
        assert part in source, (
            f"SQLAlchemy does not say `{part}` any more: see app/compat/sqlalchemy_statements"
        )
