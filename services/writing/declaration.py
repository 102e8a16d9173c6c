"""Declarations of tables: how each is written, from the model's columns and what is said of the table.

What holds for one column stands in its `info` (`models.base`); what holds for the table stands in the call of
`writable` in `services.writing.declarations` (decision 115).
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final, cast

from sqlalchemy import Column, ForeignKey, String, Table, Uuid
from sqlalchemy import inspect as mapper_of
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from models.base import Sealed, Written
from models.change_policy import changeable
from models.names import camel, noun_of
from models.policy import Predicate, visible
from services.core.database import WriteConnection
from services.writing.lifecycles import Lifecycle

Values = MutableMapping[str, Any]
"""By column name, as they will be stored; a rule may complete them."""

BeforeCreate = Callable[[WriteConnection, Values, str], Awaitable[None]]
"""Called with the values and the prefix of their fields in the input."""

BeforeUpdate = Callable[[WriteConnection, Mapping[str, Any], Values, str], Awaitable[None]]
"""Called with the row as it is (held until the commit), the changes and the prefix of their fields."""

BeforeDelete = Callable[[Mapping[str, Any], str], None]
"""Called with the row as it is (held until the commit) and the field that named it."""

_ALWAYS: Final = Predicate("true")


class Access(Enum):
    """The right to the row that is referred to, which the caller needs."""

    SEE = auto()
    CHANGE = auto()


@dataclass(frozen=True, slots=True)
class Reference:
    """`column` points to a row of `target` whose `key` it holds, and for which `condition` is true.

    `condition` is SQL about `written`, the row, and `referred`, the one it points to; `sentence` is what
    the caller is told when it does not hold.
    """

    column: str
    target: str
    key: str = "id"
    access: Access = Access.SEE
    condition: Predicate = _ALWAYS
    sentence: str = ""

    def access_sql(self, viewer: str) -> str:
        """The policy's predicate for `referred`; `viewer` is an SQL expression."""
        rule = changeable if self.access is Access.CHANGE else visible
        return rule(self.target, "referred", viewer)

    def sql(self, access: str) -> str:
        """True for a row `written` whose reference is null or as it has to be."""
        return (
            f"(written.{self.column} IS NULL OR EXISTS (SELECT 1 FROM {self.target} AS referred"
            f" WHERE referred.{self.key} = written.{self.column} AND {self.condition.sql} AND {access}))"
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows that refer by a column of `by` to what leaves with a project leave, too, for `<table>_archive`.

    `instead` are SQL expressions for columns that the archive alone has; $1 is the project's UUID.
    """

    by: tuple[str, ...]
    instead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows that refer by a column of `by` to what leaves with a project leave, too, and are kept as JSON."""

    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Rows that refer by a column of `by` to what leaves with a project stay and lose `links` to it.

    The links are kept with the keys of the rows.
    """

    by: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows go with their project and do not come back, for a `reason`."""

    reason: str


Archive = Moved | Kept | Unlinked | Lost
"""What becomes of the rows of a table when maintenance moves their project into the archive."""


@dataclass(frozen=True, slots=True, eq=False)
class WritableColumn:
    """A column that a caller may give. `name` is the database's, `field` the API's (camel case).

    Secrets in what is `masked` are replaced before it is stored: in all texts and JSON that are not declared
    `in_clear` in the model. `sealed` is how it is encrypted at rest. `secrets` is the column that takes the
    sensitive parts of the value, which no caller gives.
    """

    column: "Column[object]"
    field: str
    required: bool
    on_create: bool
    on_update: bool
    masked: bool
    sealed: Sealed | None = None
    hashed: bool = False
    secrets: str | None = None

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def encrypted(self) -> bool:
        return self.sealed is not None

    @property
    def is_secret(self) -> bool:
        """True if no one reads the column, not even those who see the row."""
        return self.encrypted or self.hashed


@dataclass(frozen=True, slots=True, eq=False)
class WritableTable:
    """A table's declaration: the rules of writing it.

    `key` names its rows; `client_key` is the UUID that a caller may choose, so that a repeated create is
    recognised. `owner` is the column that is the caller unless an administrator says otherwise. `beginnings`
    are values for columns that the caller cannot or need not give. Of `columns`, callers give those that are
    `on_create` with a new row, and change those that are `on_update`; those that are `secret` are never read;
    `divided` has the column for the sensitive parts of each that is divided. Rows that are `append_only` are
    neither changed nor deleted through the API. `belongs_by` is the reference by which the policy decides on
    a row. The rest is said in `writable`.
    """

    type_name: str
    table: Table
    noun: str
    key: "Column[object]"
    client_key: "Column[object] | None"
    owner: str | None
    beginnings: Mapping[str, str]
    columns: Mapping[str, WritableColumn]
    on_create: frozenset[str]
    on_update: frozenset[str]
    secret: frozenset[str]
    divided: Mapping[str, str]
    append_only: bool
    belongs_by: ForeignKey | None
    references: tuple[Reference, ...]
    lifecycle: Lifecycle | None
    archive: Archive | None
    before_create: BeforeCreate | None
    before_update: BeforeUpdate | None
    before_plain_update: BeforeUpdate | None
    before_delete: BeforeDelete | None

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def has_modification_time(self) -> bool:
        return "updated_at" in self.table.c


@dataclass(frozen=True, slots=True)
class WrittenElsewhere:
    """A table that `services.writing` does not write: the module `by` does, by use cases of its own."""

    table: Table
    by: str
    archive: Archive | None = None

    @property
    def name(self) -> str:
        return self.table.name


def writable(
    model: type[DeclarativeBase],
    *,
    append_only: bool = False,
    belongs_by: str | None = None,
    references: tuple[Reference, ...] = (),
    lifecycle: Lifecycle | None = None,
    archive: Archive | None = None,
    before_create: BeforeCreate | None = None,
    before_update: BeforeUpdate | None = None,
    before_plain_update: BeforeUpdate | None = None,
    before_delete: BeforeDelete | None = None,
) -> WritableTable:
    """The declaration of a table.

    A foreign key that is missing in `references` is settled by the policy of the row itself. `lifecycle` says
    along which lines its status changes. `before_update` is called for every change, also that of a use case,
    `before_plain_update` for changes by patch only: what use cases are there for. Raises: ValueError for a
    declaration that contradicts the model.
    """
    mapper = mapper_of(model)
    table = cast("Table", model.__table__)
    _require_columns(table, belongs_by, references, lifecycle, archive)
    key = next(iter(table.primary_key))
    client_key = key if isinstance(key.type, Uuid) else _unique_uuid(table)
    columns = {}
    for attribute in mapper.column_attrs:
        column = table.c[attribute.columns[0].name]
        found = _writable_column(column, camel(attribute.key), append_only=append_only)
        if found is not None:
            columns[column.name] = found
    return WritableTable(
        type_name=model.__name__,
        table=table,
        noun=noun_of(table.name),
        key=key,
        client_key=client_key,
        owner=next((column.name for column in table.c if "owner" in column.info), None),
        beginnings={c.name: c.info["begins_as"] for c in table.c if "begins_as" in c.info},
        columns=MappingProxyType(columns),
        on_create=frozenset(name for name, column in columns.items() if column.on_create),
        on_update=frozenset(name for name, column in columns.items() if column.on_update),
        secret=frozenset(name for name, one in columns.items() if one.on_create and one.is_secret),
        divided=MappingProxyType({name: one.secrets for name, one in columns.items() if one.secrets}),
        append_only=append_only,
        belongs_by=None if belongs_by is None else next(iter(table.c[belongs_by].foreign_keys)),
        references=references,
        lifecycle=lifecycle,
        archive=archive,
        before_create=before_create,
        before_update=before_update,
        before_plain_update=before_plain_update,
        before_delete=before_delete,
    )


def _writable_column(column: "Column[object]", name: str, *, append_only: bool) -> WritableColumn | None:
    facts = column.info
    written = facts.get("written")
    sealed = facts.get("sealed")
    hashed = "fingerprint_of" in facts
    given = written in (Written.GIVEN, Written.FIXED)
    if not given and sealed is not Sealed.PARTS:
        return None  # kept by the server, or not declared, which a test tells
    filled = column.nullable or column.server_default is not None or facts.keys() & {"begins_as", "filled"}
    return WritableColumn(
        column=column,
        field=camel(facts["fingerprint_of"]) if hashed else name,
        required=not filled and "owner" not in facts,
        on_create=given,
        on_update=written is Written.GIVEN and not append_only,
        masked=isinstance(column.type, String | JSONB)
        and sealed is None
        and not hashed
        and "in_clear" not in facts,
        sealed=sealed,
        hashed=hashed,
        secrets=facts.get("parts"),
    )


def _require_columns(
    table: Table,
    belongs_by: str | None,
    references: tuple[Reference, ...],
    lifecycle: Lifecycle | None,
    archive: Archive | None,
) -> None:
    """Check that the model has the columns of the declaration. Raises: ValueError where it lacks one."""
    named = [reference.column for reference in references]
    named += ["status"] if lifecycle is not None else []
    named += [belongs_by] if belongs_by is not None else []
    named += [*archive.by] if isinstance(archive, Moved | Kept | Unlinked) else []
    named += archive.links if isinstance(archive, Unlinked) else []
    for name in named:
        if name not in table.c:
            raise ValueError(f"{table.name} has no column {name}")
    for column in table.c:
        parts = column.info.get("parts")
        if parts is not None and (
            parts not in table.c or table.c[parts].info.get("sealed") is not Sealed.PARTS
        ):
            raise ValueError(f"{table.name}.{column.name} needs a column {parts} with info=SEALED_PARTS")


def _unique_uuid(table: Table) -> "Column[object] | None":
    """The unique UUID of a table whose key is a number: sessions.session_id and its like."""
    return next((column for column in table.c if column.unique and isinstance(column.type, Uuid)), None)
