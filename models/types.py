"""Column types that SQLAlchemy does not bring: closed lists, plain JSON, transaction ids."""

from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import CheckConstraint, Dialect, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

from models.enums import listed

E = TypeVar("E", bound=StrEnum)

Json = JSONB(none_as_null=True)
"""A TEXT documented as JSON. None is SQL NULL, never the JSON value null."""


class Choice(TypeDecorator[E], Generic[E]):
    """Text from a closed list, a member of `enum_class` in Python; the list itself is held by `one_of`.

    `length` is that of the documented VARCHAR; without one the column is TEXT.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
    cache_ok = True

    def __init__(self, enum_class: type[E], length: int | None = None) -> None:
        super().__init__()
        self.enum_class = enum_class
        self.impl = Text() if length is None else String(length)

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:
        """The database's spelling of a member; a plain string must be one already."""
        return None if value is None else self.enum_class(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """The member that the stored text stands for."""
        return None if value is None else self.enum_class(value)


def one_of(column: str, values: type[StrEnum], name: str) -> CheckConstraint:
    """The CHECK that holds a column to exactly the documented list (decision 7)."""
    return CheckConstraint(f"{column} IN ({listed(values)})", name=name)


def broken(column: str, sentence: str) -> dict[str, str]:
    """The `info` of a CHECK: the column that is wrong when it fails, and what the caller is told."""
    return {"column": column, "sentence": sentence}


def no_json_null(column: str, name: str, sentence: str) -> CheckConstraint:
    """The CHECK that keeps the JSON value null out of a column that the API calls never null."""
    return CheckConstraint(f"{column} <> 'null'::jsonb", name=name, info=broken(column, sentence))


class Xid8(UserDefinedType[int]):
    """A 64-bit transaction id, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in PostgreSQL."""
        return "xid8"
