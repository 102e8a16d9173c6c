"""Base of every table: naming of constraints, mapping of Python types, keys, times and relationships.

Names of mapped attributes are the API's names in snake case. Where a foreign key column bears the name that
its object should have (`tasks.assigned_to`), the column's attribute is `assigned_to_id` and the relationship
is `assigned_to`.

`info` on a column says how it is read: `hidden` (never through the API), `private` (by the person concerned
and by administrators); and how it is written. Every column of a table that `services.writing` writes says
which by one of GIVEN, FIXED, BY_SERVER, SEALED_TEXT, SEALED_VARIABLES, SEALED_OBJECT, SEALED_PARTS, `divided`
and `fingerprint_of` (decision 115); without one, callers cannot write it. What else there is to say is joined
to it with `|`: OWNER, FILLED, `begins_as`, OPEN_TO_GUESTS (changed also by people to whom the row is lent,
`Guests` in `models.change_policy`) and `in_clear` (a text or JSON value in which secrets are not masked, and
why: those of all other columns are, by whichever way they are written).

`info` on a table: `view` (a view, read only), `single` (of one row, which the API gives without a list around
it), `measured` (a view of what PostgreSQL is and does, which changes although no row does) and `retention`
(`models.retention`). `info` on a CHECK: `broken`, what a caller is told.
"""

from datetime import datetime
from enum import Enum, auto
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


class Written(Enum):
    """The writer of a column."""

    GIVEN = auto()
    """Callers give it and change it."""

    FIXED = auto()
    """Callers give it with the new row; then it stays, or a use case of its own changes it."""

    BY_SERVER = auto()
    """Callers do not give it: the server, a trigger or a use case does."""


class Sealed(Enum):
    """The content of an encrypted column."""

    TEXT = auto()
    VARIABLES = auto()
    OBJECT = auto()
    PARTS = auto()


Facts = dict[str, Any]
"""The `info` of a column."""

HIDDEN: Facts = {"hidden": True}
PRIVATE: Facts = {"private": True}
OPEN_TO_GUESTS: Facts = {"guests": True}

GIVEN: Facts = {"written": Written.GIVEN}
FIXED: Facts = {"written": Written.FIXED}
BY_SERVER: Facts = {"written": Written.BY_SERVER}

OWNER: Facts = {"owner": True}
"""The person who writes, unless an administrator names another one."""

FILLED: Facts = {"filled": True}
"""NOT NULL, and filled in by a trigger or a rule where it is not given."""

SEALED_TEXT: Facts = GIVEN | HIDDEN | {"sealed": Sealed.TEXT}
"""A short text, encrypted at rest (decision 27)."""

SEALED_VARIABLES: Facts = GIVEN | HIDDEN | {"sealed": Sealed.VARIABLES}
"""An object of texts, encrypted at rest."""

SEALED_OBJECT: Facts = GIVEN | HIDDEN | {"sealed": Sealed.OBJECT}
"""Any JSON object, encrypted at rest."""

SEALED_PARTS: Facts = BY_SERVER | HIDDEN | {"sealed": Sealed.PARTS}
"""The sensitive parts of a column that is `divided`, encrypted at rest."""


def divided(parts: str) -> Facts:
    """The `info` of a JSON column whose sensitive parts are stored in the column `parts` (terminal §11.1)."""
    return GIVEN | {"parts": parts}


def fingerprint_of(name: str) -> Facts:
    """The `info` of a column that holds a keyed hash of what callers give as `name`, in snake case."""
    return GIVEN | HIDDEN | {"fingerprint_of": name}


def begins_as(value: str) -> Facts:
    """The value of a NOT NULL column, where none is given, for which the documents name no default."""
    return {"begins_as": value}


def in_clear(reason: str) -> Facts:
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
    int,
    mapped_column(
        Identity(always=False), primary_key=True, info=BY_SERVER, comment="基本キー", doc="Key of the row."
    ),
]
LogKey = Annotated[
    int,
    mapped_column(
        BigInteger,
        Identity(always=False),
        primary_key=True,
        info=BY_SERVER,
        comment="基本キー",
        doc="Key of the row.",
    ),
]


def uuid_key(comment: str, doc: str = "Key of the row; UUIDv7, so keys sort by time.") -> MappedColumn[UUID]:
    """The primary key of a terminal table."""
    return mapped_column(primary_key=True, server_default=NEW_UUID, info=FIXED, comment=comment, doc=doc)


def time_default_now(comment: str, doc: str, **options: Any) -> MappedColumn[datetime]:
    """A time that is now unless it is given (decision 8)."""
    return mapped_column(server_default=func.now(), comment=comment, doc=doc, **options)


def created_at(comment: str = "作成日時", **options: Any) -> MappedColumn[datetime]:
    """The column created_at."""
    return time_default_now(comment, "When the row was created.", **{"info": BY_SERVER, **options})


def updated_at(comment: str = "更新日時", **options: Any) -> MappedColumn[datetime]:
    """The column updated_at; a trigger on each table that has it keeps it true."""
    return time_default_now(comment, "When the row was last changed.", **{"info": BY_SERVER, **options})


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
        info=BY_SERVER | HIDDEN,
        comment="書き込みトランザクションID",
        doc="Transaction that wrote the row.",
    )


def view(comment: str, *, single: bool = False, measured: bool = False) -> dict[str, Any]:
    """Table arguments of a view: migrations create it from SQL, never as a table."""
    return {"comment": comment, "info": {"view": True, "single": single, "measured": measured}}
