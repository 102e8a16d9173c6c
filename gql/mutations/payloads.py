"""Payloads of mutations: rows of tables, loaded as the caller selects and may see them."""

from typing import Any

import strawberry

from gql.execution.loaders import load_row, load_rows
from gql.mutations.action import Info
from gql.types.types import table_type


def row(type_name: str, key: str, description: str, *, optional: bool = False) -> Any:
    """A field with the row of a table whose key the payload holds as `key`; null when that is None."""
    kind: Any = table_type(type_name)

    async def load(self: Any, info: Info) -> Any:
        value = getattr(self, key)
        return None if value is None else await load_row(info, type_name, value)

    return strawberry.field(
        resolver=load, graphql_type=kind | None if optional else kind, description=description
    )


def rows(type_name: str, keys: str, description: str, *, optional: bool = False) -> Any:
    """A field with the rows whose keys the payload holds as `keys`, in their order.

    With `optional` a row that the caller may not see is null.
    """
    kind: Any = table_type(type_name)

    async def load(self: Any, info: Info) -> Any:
        return await load_rows(info, type_name, getattr(self, keys))

    return strawberry.field(
        resolver=load, graphql_type=list[kind | None] if optional else list[kind], description=description
    )
