"""The use cases that every table has: its rows are changed, deleted, appended, and their secrets revealed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from services.writing.action import Action, Transaction
from services.writing.appending import append
from services.writing.rows import Key, delete, update
from services.writing.sealed_columns import reveal, reveal_whole

Find: TypeAlias = Callable[[Transaction], Awaitable[Sequence[Key]]]
"""Gives the keys of the rows that are meant, locked until the commit."""


async def update_row(
    action: Action,
    table_name: str,
    key: Key,
    changes: Mapping[str, object],
    *,
    unmodified_since: datetime | None = None,
) -> None:
    """Change one row; see `rows.update`."""
    async with action.transaction(table=table_name, key=key, changed=sorted(changes)) as transaction:
        await update(transaction, table_name, key, changes, unmodified_since=unmodified_since)


async def update_rows(
    action: Action, table_name: str, find: Find, changes: Mapping[str, object]
) -> Sequence[Key]:
    """Change the rows that `find` gives, all or none, and return their keys."""
    async with action.transaction(table=table_name, changed=sorted(changes)) as transaction:
        keys = transaction.details["keys"] = await find(transaction)
        for key in keys:
            await update(transaction, table_name, key, changes)
    return keys


async def delete_row(action: Action, table_name: str, key: Key) -> None:
    """Delete one row; see `rows.delete`."""
    async with action.transaction(table=table_name, key=key) as transaction:
        await delete(transaction, table_name, key)


async def delete_rows(action: Action, table_name: str, find: Find) -> Sequence[Key]:
    """Delete the rows that `find` gives, all or none, and return their keys."""
    async with action.transaction(table=table_name) as transaction:
        keys = transaction.details["keys"] = await find(transaction)
        for key in keys:
            await delete(transaction, table_name, key)
    return keys


async def append_rows(action: Action, table_name: str, rows: Sequence[Mapping[str, object]]) -> list[Key]:
    """Append rows to a log, all or none; see `appending.append`."""
    async with action.transaction(table=table_name, rows=len(rows)) as transaction:
        return await append(transaction, table_name, rows)


async def reveal_column(action: Action, place: str, key: Key) -> Any:
    """The JSON value of a sealed column, such as `projects.environment_vars`; see `sealed_columns.reveal`."""
    async with action.transaction(column=place, key=key) as transaction:
        return await reveal(transaction, place, key)


async def reveal_row(action: Action, table_name: str, key: Key) -> dict[str, Any]:
    """The columns of a row that have sensitive parts, with them; see `sealed_columns.reveal_whole`."""
    async with action.transaction(table=table_name, key=key) as transaction:
        return await reveal_whole(transaction, table_name, key)
