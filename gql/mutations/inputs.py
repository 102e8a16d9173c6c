"""Inputs for rows of tables, derived from what `services.writing` takes."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from gql.compat.strawberry_graphql import StrawberryField
from gql.planner.column_types import kind_of
from gql.types.builder import SCALAR_NAMES, enum_type, input_field, input_type, optional
from services.writing.declaration import WritableColumn, WritableTable
from services.writing.tables import TABLES

Given = Mapping[str, Any]
"""An input as a resolver gets it: what was given, by field name; what is absent stays absent."""


def column_fields(columns: Iterable[WritableColumn], *, patch: bool) -> list[StrawberryField]:
    """A field for each column; in a patch every one may be left out."""
    return [
        input_field(
            column.field,
            optional(_scalar(column), when=patch or not column.required),
            column.column.doc or "",
        )
        for column in columns
    ]


def part_of(table_name: str, name: str, description: str, *, without: Collection[str] = ()) -> type:
    """An input type for a new row of which `without` are columns that the server knows."""
    columns = [
        column
        for column in TABLES[table_name].columns.values()
        if column.on_create and column.name not in without
    ]
    return input_type(name, column_fields(columns, patch=False), description)


def by_column(table_name: str, given: Given) -> dict[str, Any]:
    """The values of an input by column name."""
    names = _names(TABLES[table_name])
    return {names[field]: value for field, value in given.items()}


@cache
def _names(table: WritableTable) -> Mapping[str, str]:
    return {column.field: column.name for column in table.columns.values()}


def key_type(table: WritableTable) -> str:
    """The API's type of a table's key."""
    return SCALAR_NAMES[kind_of(table.key.type)]


def _scalar(column: WritableColumn) -> str:
    choices = getattr(column.column.type, "enum_class", None)
    return enum_type(choices) if choices is not None else SCALAR_NAMES[kind_of(column.column.type)]
