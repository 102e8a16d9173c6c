"""What a test saw go to PostgreSQL over the reading pools."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest


class Statements(list[str]):
    """The texts of the statements that planned reads sent, in order; `clear()` forgets what set-up sent."""

    def note(self, record: Any) -> None:
        """Take what asyncpg tells a query logger."""
        self.append(record.query)


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    """Listen on every reading pool that is opened from now on."""
    statements = Statements()
    create_pool = asyncpg.create_pool

    async def listen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        connection.add_query_logger(statements.note)

    def create_listened_pool(*arguments: Any, **options: Any) -> Any:
        return create_pool(*arguments, init=listen, **options)

    monkeypatch.setattr(asyncpg, "create_pool", create_listened_pool)
    yield statements
