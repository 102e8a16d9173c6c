"""Makes Strawberry types out of lists of fields, for everything that is derived from the models.

Types refer to each other in circles, so a field names its type in a text such as `List[Task]`, which is
looked up in `NAMES` once the schema is put together.

The definitions are made as Strawberry's own integrations make theirs, without a dataclass for each type: no
resolver ever sees an instance. A resolver with such an input gets a plain dict of the fields that were given,
by their names in the schema.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import EnumMeta
from functools import cache
from typing import Any, Optional
from uuid import UUID

import strawberry
from strawberry.schema_directives import OneOf

from gql.compat.strawberry_graphql import (
    StrawberryAnnotation,
    StrawberryArgument,
    StrawberryField,
    describe_members,
    set_definition,
)
from gql.planner.catalog import Column
from gql.planner.column_types import ColumnType
from gql.scalars import JSON, BigInt
from models.enums import Described

NAMES: dict[str, Any] = {
    "Optional": Optional,
    "List": list,
    "Int": int,
    "BigInt": BigInt,
    "Float": float,
    "String": str,
    "UUID": UUID,
    "Boolean": bool,
    "DateTime": datetime,
    "Date": date,
    "JSON": JSON,
    "ID": strawberry.ID,
}
"""What the texts may name: scalars, and every type that is made here."""

SCALAR_NAMES = {
    ColumnType.INT: "Int",
    ColumnType.BIGINT: "BigInt",
    ColumnType.FLOAT: "Float",
    ColumnType.DECIMAL: "Float",
    ColumnType.TEXT: "String",
    ColumnType.UUID: "UUID",
    ColumnType.BOOLEAN: "Boolean",
    ColumnType.DATETIME: "DateTime",
    ColumnType.DATE: "Date",
    ColumnType.ADDRESS: "String",
    ColumnType.JSON: "JSON",
}


def argument(name: str, type_text: str, description: str) -> StrawberryArgument:
    """An argument of a field; `Optional[...]` may be left out."""
    return StrawberryArgument(name, name, _annotation(type_text), description=description)


def output_field(
    name: str, type_text: str, description: str, arguments: Sequence[StrawberryArgument] = ()
) -> StrawberryField:
    """A field of an object type."""
    field = StrawberryField(name, name, _annotation(type_text), description=description)
    field.arguments = list(arguments)
    return field


def input_field(name: str, type_text: str, description: str) -> StrawberryField:
    """A field of an input type; `Optional[...]` may be left out."""
    return StrawberryField(name, name, _annotation(type_text), description=description)


def object_type(
    name: str, fields: Iterable[StrawberryField], description: str, interfaces: Sequence[type] = ()
) -> type:
    """An object type, known by its name from now on."""
    return _define(name, fields, description, interfaces=interfaces)


def interface_type(name: str, fields: Iterable[StrawberryField], description: str) -> type:
    """An interface."""
    return _define(name, fields, description, is_interface=True)


def input_type(
    name: str, fields: Iterable[StrawberryField], description: str, *, one_of: bool = False
) -> type:
    """An input type; with `one_of` exactly one of its fields is to be given."""
    return _define(name, fields, description, is_input=True, directives=(OneOf(),) if one_of else ())


def enum_type(members: type[Described], description: str | None = None) -> str:
    """The name of an enum in the schema, which it has from now on."""
    name = members.__name__
    if name not in NAMES:
        text = description or (members.__doc__ or "").strip()
        made: Any = strawberry.enum(members, description=text)
        describe_members(made, {member.name: member.description for member in members})
        NAMES[name] = made
    return name


def derived_enum(
    name: str,
    members: Mapping[str, tuple[str, str]],
    description: str,
    base: type[Described] = Described,
) -> None:
    """An enum whose members are derived: by their names, their values and what they mean."""
    made: Any = EnumMeta.__call__(base, name, members)
    enum_type(made, description)


def scalar_name(column: Column) -> str:
    """The API's type of a column's values, without regard to NULL."""
    return enum_type(column.choices) if column.choices is not None else SCALAR_NAMES[column.kind]


def optional(type_text: str, *, when: bool = True) -> str:
    """`Optional[...]`, or the type itself."""
    return f"Optional[{type_text}]" if when else type_text


def _define(
    name: str,
    fields: Iterable[StrawberryField],
    description: str,
    *,
    is_input: bool = False,
    is_interface: bool = False,
    interfaces: Sequence[type] = (),
    directives: Sequence[object] = (),
) -> type:
    if name in NAMES:
        raise ValueError(f"There are two types called {name}")
    made = NAMES[name] = type(name, tuple(interfaces), {"__module__": __name__})
    set_definition(
        made,
        fields,
        description,
        is_input=is_input,
        is_interface=is_interface,
        interfaces=interfaces,
        directives=directives,
    )
    return made


@cache
def _annotation(type_text: str) -> StrawberryAnnotation:
    return StrawberryAnnotation(type_text, namespace=NAMES)
