"""Inputs for rows of tables, derived from what `services.writing` takes."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from gql.compat.strawberry_graphql import StrawberryField
from gql.mutations.action import Info
from gql.planner.column_types import kind_of
from gql.types.builder import SCALAR_NAMES, enum_type, input_field, input_type, optional
from services.writing.sealed_columns import divided, sealed
from services.writing.tables import TABLES, WritableColumn, WritableTable
from services.writing.values import converted

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


def by_column(info: Info, table_name: str, given: Given, prefix: str = "input") -> dict[str, Any]:
    """The values of an input by column name; what is encrypted at rest is sealed, and keys are hashed.

    `prefix` is where the input stands, for errors.
    """
    table = TABLES[table_name]
    plain, guarded = _columns(table)
    values = {}
    for field, value in given.items():
        if field in plain:
            values[plain[field]] = value
            continue
        column = guarded[field]
        values[column.name] = _protected(info, table, column, value, prefix)
        if column.secrets is not None:
            place = f"{table.name}.{column.secrets}"
            values[column.name], values[column.secrets] = divided(info.context.sealing(), place, value)
    return values


@cache
def _columns(table: WritableTable) -> tuple[Mapping[str, str], Mapping[str, WritableColumn]]:
    """By field: the names of columns that take values as they are, and the columns that hold secrets."""
    columns = {column.field: column for column in table.columns.values()}
    guarded = {
        field: column
        for field, column in columns.items()
        if column.encrypted or column.hashed or column.secrets is not None
    }
    return {field: columns[field].name for field in columns.keys() - guarded.keys()}, guarded


def _protected(info: Info, table: WritableTable, column: WritableColumn, value: Any, prefix: str) -> Any:
    if column.encrypted:
        place = f"{table.name}.{column.name}"
        return sealed(info.context.sealing(), place, value, f"{prefix}.{column.field}")
    if column.hashed and value is not None:
        checked = converted(table, {column.name: value}, prefix)
        return info.context.sealing().fingerprint(str(checked[column.name]))
    return value


def key_type(table: WritableTable) -> str:
    """The API's type of a table's key."""
    return SCALAR_NAMES[kind_of(table.key.type)]


def _scalar(column: WritableColumn) -> str:
    choices = getattr(column.column.type, "enum_class", None)
    return enum_type(choices) if choices is not None else SCALAR_NAMES[kind_of(column.column.type)]
