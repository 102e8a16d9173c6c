"""createX, updateX, deleteX and appendX for every table, derived from what `services.writing` takes."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry import Private

from gql.mutations.action import Info, action_of
from gql.mutations.filtering import MOST_ROWS, matching, require_conditions
from gql.mutations.inputs import Given, by_column, column_fields, key_type
from gql.mutations.payloads import row, rows
from gql.planner.names import lower_first, upper_first
from gql.types.builder import NAMES, input_field, input_type
from gql.types.types import CATALOG
from services.writing.appending import MAX_ROWS
from services.writing.creating import create_row
from services.writing.declaration import WritableTable
from services.writing.table_actions import append_rows, delete_row, delete_rows, update_row, update_rows
from services.writing.tables import TABLES

Fields = dict[str, Any]
"""Mutations by their names in Python."""


@strawberry.type
class _OneRow:
    key: Private[Any]


@strawberry.type
class _ManyRows:
    keys: Private[list[Any]]


def table_mutations() -> type:
    """The class with the mutations of every table."""
    fields: Fields = {}
    for table in TABLES.values():
        _row_input(table)
        if table.append_only:
            fields |= _append(table)
        else:
            fields |= _create(table) | _update(table) | _delete(table)
            fields |= _update_many(table) | _delete_many(table)
    return strawberry.type(type("TableMutations", (), fields))


def _row_input(table: WritableTable) -> None:
    """`CreateTaskInput`, or `CcLogRow` where rows are appended."""
    name = f"{table.type_name}Row" if table.append_only else f"Create{table.type_name}Input"
    columns = [column for column in table.columns.values() if column.on_create]
    input_type(name, column_fields(columns, patch=False), f"A new {table.noun}.")


def _create(table: WritableTable) -> Fields:
    name = f"Create{table.type_name}"
    payload = _row_payload(f"{name}Payload", table, f"The {table.noun} that was created.")

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        given = by_column(table.name, input)
        return payload(key=await create_row(action_of(info), table.name, given))

    twice = " The same key twice is one row." if table.client_key is not None else ""
    return _mutation(resolve, name, payload, f"Create a {table.noun}.{twice}")


def _update(table: WritableTable) -> Fields:
    name = f"Update{table.type_name}"
    columns = [column for column in table.columns.values() if column.on_update]
    patch = f"{table.type_name}Patch"
    input_type(
        patch, column_fields(columns, patch=True), "What changes: null empties, absent stays as it is."
    )
    fields = [
        input_field("id", key_type(table), table.key.doc or "Key of the row."),
        input_field("patch", patch, "What changes."),
    ]
    if table.has_modification_time:
        description = "`updatedAt` as it was read; a row that was changed since is a CONFLICT."
        fields.append(input_field("ifUnmodifiedSince", "Optional[DateTime]", description))
    input_type(f"{name}Input", fields, f"Which {table.noun} is to change, and how.")
    payload = _row_payload(f"{name}Payload", table, f"The {table.noun} as it is now.")

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        changes = by_column(table.name, input["patch"])
        since = input.get("ifUnmodifiedSince")
        await update_row(action_of(info), table.name, input["id"], changes, unmodified_since=since)
        return payload(key=input["id"])

    return _mutation(resolve, name, payload, f"Change a {table.noun}.")


def _delete(table: WritableTable) -> Fields:
    name = f"Delete{table.type_name}"
    key = input_field("id", key_type(table), table.key.doc or "Key of the row.")
    input_type(f"{name}Input", [key], f"Which {table.noun} is to go.")
    payload = strawberry.type(
        type(
            f"{name}Payload",
            (),
            {
                "__annotations__": {"deleted_id": NAMES[key_type(table)]},
                "deleted_id": strawberry.field(description="Key of the row that is gone."),
            },
        ),
        description=f"The {table.noun} that is gone.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        await delete_row(action_of(info), table.name, input["id"])
        return payload(deleted_id=input["id"])

    return _mutation(resolve, name, payload, f"Delete a {table.noun} and what belongs to it.")


def _update_many(table: WritableTable) -> Fields:
    plural = upper_first(CATALOG.types[table.type_name].connection)
    name = f"Update{plural}"
    fields = [*_filter_fields(table), input_field("patch", f"{table.type_name}Patch", "What changes.")]
    input_type(f"{name}Input", fields, f"Which rows of {table.name} are to change, and how.")
    found = {lower_first(plural): rows(table.type_name, "keys", "The rows as they are now.")}
    payload = strawberry.type(
        type(f"{name}Payload", (_ManyRows,), {"count": _count(), **found}),
        description="The rows that changed.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        require_conditions(info, input)
        changes = by_column(table.name, input["patch"])
        find = matching(table.type_name, input)
        return payload(keys=await update_rows(action_of(info), table.name, find, changes))

    return _mutation(resolve, name, payload, f"Change the rows of {table.name} that fit: all or none.")


def _delete_many(table: WritableTable) -> Fields:
    plural = upper_first(CATALOG.types[table.type_name].connection)
    name = f"Delete{plural}"
    input_type(f"{name}Input", _filter_fields(table), f"Which rows of {table.name} are to go.")
    key: Any = NAMES[key_type(table)]

    def deleted(self: Any) -> Any:
        return self.keys

    ids = strawberry.field(
        resolver=deleted, graphql_type=list[key], description="Keys of the rows that are gone."
    )
    payload = strawberry.type(
        type(f"{name}Payload", (_ManyRows,), {"count": _count(), "deleted_ids": ids}),
        description="The rows that are gone.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        require_conditions(info, input)
        find = matching(table.type_name, input)
        return payload(keys=await delete_rows(action_of(info), table.name, find))

    return _mutation(resolve, name, payload, f"Delete the rows of {table.name} that fit: all or none.")


def _filter_fields(table: WritableTable) -> list[Any]:
    limit = (
        f"How many rows there may be, 1 unless given, at most {MOST_ROWS}; when more fit, none is touched."
    )
    return [
        input_field("where", f"{table.type_name}Where", "Which rows. An empty condition is refused."),
        input_field("atMost", "Optional[Int]", limit),
    ]


def _count() -> Any:
    def count(self: Any) -> int:
        return len(self.keys)

    return strawberry.field(resolver=count, description="How many rows there are.")


def _append(table: WritableTable) -> Fields:
    plural = upper_first(CATALOG.types[table.type_name].connection)
    name = f"Append{plural}"
    description = f"1 to {MAX_ROWS:,} rows."
    input_type(
        f"{name}Input", [input_field("rows", f"List[{table.type_name}Row]", description)], "Rows to append."
    )

    payload = strawberry.type(
        type(
            f"{name}Payload",
            (_ManyRows,),
            {
                "count": _count(),
                lower_first(plural): rows(table.type_name, "keys", "The rows, in the order given."),
            },
        ),
        description="The rows that were appended.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        given = [by_column(table.name, row) for row in input["rows"]]
        return payload(keys=await append_rows(action_of(info), table.name, given))

    return _mutation(resolve, name, payload, f"Append to {table.name}: all rows or none.")


def _row_payload(name: str, table: WritableTable, description: str) -> Any:
    found = {lower_first(table.type_name): row(table.type_name, "key", "The row.")}
    return strawberry.type(type(name, (_OneRow,), found), description=description)


def _mutation(resolve: Callable[..., Any], name: str, payload: Any, description: str) -> Fields:
    resolve.__annotations__["input"] = NAMES[f"{name}Input"]
    field = lower_first(name)
    return {
        field: strawberry.mutation(
            resolver=resolve, name=field, graphql_type=payload, description=description
        )
    }


TableMutations = table_mutations()
