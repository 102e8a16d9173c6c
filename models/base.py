"""What every table shares: naming of constraints, mapping of Python types, keys, times and relationships.

Names of mapped attributes are the API's names in snake case. Where a foreign key column bears the name that
its object should have (`tasks.assigned_to`), the column's attribute is `assigned_to_id` and the relationship
is `assigned_to`.

`info` on a column: `hidden` (never readable through the API), `private` (readable by the person concerned
and by administrators), `guests` (changed also by people to whom the row is lent, `Guests` in
`models.change_policy`) and `in_clear` (a text or JSON value in which secrets are not masked, and why: those
of all other columns are, whoever writes them). `info` on a table: `view` (a view, read only).
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Text, Uuid, func, text
from sqlalchemy.orm import DeclarativeBase, MappedColumn, Relationship, mapped_column, relationship

from models.types import Xid8

# The names that PostgreSQL itself gives where a document names none.
NAMES = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
}

NEW_UUID = text("ccgraph_uuid7()")
EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_ARRAY = text("'[]'::jsonb")
TRUE = text("true")
FALSE = text("false")
HIDDEN = {"hidden": True}
PRIVATE = {"private": True}
OPEN_TO_GUESTS = {"guests": True}


def in_clear(reason: str) -> dict[str, str]:
    """The `info` of a column that is stored as it is given; `reason` says why no secret is masked in it."""
    return {"in_clear": reason}


class Base(DeclarativeBase):
    """The root of all mapped classes."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain dict here
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
    }


SerialKey = Annotated[
    int, mapped_column(Identity(always=False), primary_key=True, comment="基本キー", doc="Key of the row.")
]
LogKey = Annotated[
    int,
    mapped_column(
        BigInteger, Identity(always=False), primary_key=True, comment="基本キー", doc="Key of the row."
    ),
]


def uuid_key(comment: str, doc: str = "Key of the row; UUIDv7, so keys sort by time.") -> MappedColumn[UUID]:
    """The primary key of a terminal table."""
    return mapped_column(primary_key=True, server_default=NEW_UUID, comment=comment, doc=doc)


def time_default_now(comment: str, doc: str, **options: Any) -> MappedColumn[datetime]:
    """A time that is now unless it is given (decision 8)."""
    return mapped_column(server_default=func.now(), comment=comment, doc=doc, **options)


def created_at(comment: str = "作成日時", **options: Any) -> MappedColumn[datetime]:
    """The column created_at."""
    return time_default_now(comment, "When the row was created.", **options)


def updated_at(comment: str = "更新日時", **options: Any) -> MappedColumn[datetime]:
    """The column updated_at; a trigger on each table that has it keeps it true."""
    return time_default_now(comment, "When the row was last changed.", **options)


def to_one(reverse: str | None, **options: Any) -> Relationship[Any]:
    """The row that a foreign key points to; `reverse` is the collection on the other side."""
    return relationship(back_populates=reverse, lazy="raise", **options)


def to_many(reverse: str, **options: Any) -> Relationship[Any]:
    """The rows whose foreign key points here; what happens to them on delete is PostgreSQL's affair."""
    return relationship(back_populates=reverse, lazy="raise", passive_deletes="all", **options)


def transaction_id() -> MappedColumn[int]:
    """The writing transaction, by which a reader finds what became visible between two snapshots."""
    return mapped_column(
        Xid8,
        server_default=text("pg_current_xact_id()"),
        info=HIDDEN,
        comment="書き込みトランザクションID",
        doc="Transaction that wrote the row.",
    )
