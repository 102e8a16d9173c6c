"""Statements that a test saw go to PostgreSQL over the reading connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from app.database import pools
from app.database.statement_cache import PlanningConnection


class Statements(list[str]):
    """The texts of the statements that planned reads sent, in order; `clear()` forgets what set-up sent."""


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    """Listen on every reading connection that is opened from now on."""
    statements = Statements()

    class Recording(PlanningConnection):
        """Query loggers of asyncpg are told later, which may be after the answer."""

        async def _execute(self, query: str, *arguments: Any, **options: Any) -> Any:
            if not query.lstrip().startswith(("UPDATE", "INSERT")):  # what is noted of tokens and calls
                statements.append(query)
            return await super()._execute(query, *arguments, **options)  # type: ignore[misc] # not in the stubs

    monkeypatch.setattr(pools, "connect_reader", partial(pools.connect_reader, connection_class=Recording))
    yield statements
