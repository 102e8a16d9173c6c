"""createX, updateX, deleteX and appendX for every table, derived from what `services.writing` takes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import strawberry
from strawberry import Private

from gql.building import NAMES, SCALAR_NAMES, enum_type, input_field, input_type, optional
from gql.loaders import load_row, load_rows
from gql.mutations.acting import Info, acting
from gql.planner.kinds import kind_of
from gql.planner.names import lower_first, upper_first
from gql.types import CATALOG, table_type
from services.writing.appending import MAX_ROWS, append
from services.writing.rows import create, delete, update
from services.writing.tables import TABLES, WritableColumn, WritableTable

Given = Mapping[str, Any]
"""An input as a resolver gets it: what was given, by field name; what is absent stays absent."""

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
    return strawberry.type(type("TableMutations", (), fields))


def _row_input(table: WritableTable) -> None:
    """`CreateTaskInput`, or `CcLogRow` where rows are appended."""
    name = f"{table.type_name}Row" if table.append_only else f"Create{table.type_name}Input"
    columns = [column for column in table.columns.values() if column.on_create]
    input_type(name, _fields(columns, patch=False), f"A new {table.noun}.")


def _fields(columns: Iterable[WritableColumn], *, patch: bool) -> list[Any]:
    return [
        input_field(
            column.field,
            optional(_scalar(column), when=patch or not column.required),
            column.column.doc or "",
        )
        for column in columns
        if not column.encrypted
    ]


def _scalar(column: WritableColumn) -> str:
    choices = getattr(column.column.type, "enum_class", None)
    return enum_type(choices) if choices is not None else SCALAR_NAMES[kind_of(column.column.type)]


def _key_type(table: WritableTable) -> str:
    return SCALAR_NAMES[kind_of(table.key.type)]


def _create(table: WritableTable) -> Fields:
    name = f"Create{table.type_name}"
    payload = _row_payload(f"{name}Payload", table, f"The {table.noun} that was created.")

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        async with acting(info) as act:
            key = await create(act.connection, act.principal, table.name, _by_column(table, input))
            act.details.update(table=table.name, key=key)
        return payload(key=key)

    twice = " The same key twice is one row." if table.client_key is not None else ""
    return _mutation(resolve, name, payload, f"Create a {table.noun}.{twice}")


def _update(table: WritableTable) -> Fields:
    name = f"Update{table.type_name}"
    columns = [column for column in table.columns.values() if column.on_update]
    patch = f"{table.type_name}Patch"
    input_type(patch, _fields(columns, patch=True), "What changes: null empties, absent stays as it is.")
    fields = [
        input_field("id", _key_type(table), table.key.doc or "Key of the row."),
        input_field("patch", patch, "What changes."),
    ]
    if table.has_modification_time:
        description = "`updatedAt` as it was read; a row that was changed since is a CONFLICT."
        fields.append(input_field("ifUnmodifiedSince", "Optional[DateTime]", description))
    input_type(f"{name}Input", fields, f"Which {table.noun} is to change, and how.")
    payload = _row_payload(f"{name}Payload", table, f"The {table.noun} as it is now.")

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        changes = _by_column(table, input["patch"])
        async with acting(info, table=table.name, key=input["id"], changed=sorted(changes)) as act:
            await update(
                act.connection,
                act.principal,
                table.name,
                input["id"],
                changes,
                unmodified_since=input.get("ifUnmodifiedSince"),
            )
        return payload(key=input["id"])

    return _mutation(resolve, name, payload, f"Change a {table.noun}.")


def _delete(table: WritableTable) -> Fields:
    name = f"Delete{table.type_name}"
    key = input_field("id", _key_type(table), table.key.doc or "Key of the row.")
    input_type(f"{name}Input", [key], f"Which {table.noun} is to go.")
    payload = strawberry.type(
        type(
            f"{name}Payload",
            (),
            {
                "__annotations__": {"deleted_id": NAMES[_key_type(table)]},
                "deleted_id": strawberry.field(description="Key of the row that is gone."),
            },
        ),
        description=f"The {table.noun} that is gone.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        async with acting(info, table=table.name, key=input["id"]) as act:
            await delete(act.connection, act.principal, table.name, input["id"])
        return payload(deleted_id=input["id"])

    return _mutation(resolve, name, payload, f"Delete a {table.noun} and what belongs to it.")


def _append(table: WritableTable) -> Fields:
    rows = upper_first(CATALOG.types[table.type_name].connection)
    row_type: Any = table_type(table.type_name)
    name = f"Append{rows}"
    description = f"1 to {MAX_ROWS:,} rows."
    input_type(
        f"{name}Input", [input_field("rows", f"List[{table.type_name}Row]", description)], "Rows to append."
    )

    async def load(self: Any, info: Info) -> Any:
        return await load_rows(info, table.type_name, self.keys)

    def count(self: Any) -> int:
        return len(self.keys)

    payload = strawberry.type(
        type(
            f"{name}Payload",
            (_ManyRows,),
            {
                "count": strawberry.field(resolver=count, description="How many rows there are."),
                lower_first(rows): strawberry.field(
                    resolver=load,
                    name=lower_first(rows),
                    graphql_type=list[row_type],
                    description="The rows, in the order given.",
                ),
            },
        ),
        description="The rows that were appended.",
    )

    async def resolve(self: Any, info: Info, input: Given) -> Any:
        given = [_by_column(table, row) for row in input["rows"]]
        async with acting(info, table=table.name, rows=len(given)) as act:
            keys = await append(act.connection, act.principal, table.name, given)
        return payload(keys=keys)

    return _mutation(resolve, name, payload, f"Append to {table.name}: all rows or none.")


def _row_payload(name: str, table: WritableTable, description: str) -> Any:
    field = lower_first(table.type_name)

    async def load(self: Any, info: Info) -> Any:
        return await load_row(info, table.type_name, self.key)

    row = strawberry.field(
        resolver=load, name=field, graphql_type=table_type(table.type_name), description="The row."
    )
    return strawberry.type(type(name, (_OneRow,), {field: row}), description=description)


def _mutation(resolve: Callable[..., Any], name: str, payload: Any, description: str) -> Fields:
    resolve.__annotations__["input"] = NAMES[f"{name}Input"]
    field = lower_first(name)
    return {
        field: strawberry.mutation(
            resolver=resolve, name=field, graphql_type=payload, description=description
        )
    }


def _by_column(table: WritableTable, given: Given) -> dict[str, Any]:
    names = {column.field: column.name for column in table.columns.values()}
    return {names[field]: value for field, value in given.items()}


TableMutations = table_mutations()
