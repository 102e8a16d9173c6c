"""The catalog of what the API reads, from the models: tables, columns, keys, relations by their API names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from gql.planner import names
from gql.planner.column_types import ColumnType, kind_of
from models import Base, policy
from models.enums import Described
from models.names import camel
from models.search import SEARCHES, Search


@dataclass(frozen=True, slots=True)
class Column:
    """A readable column. `name` is the database's, `field` the API's."""

    name: str
    field: str
    kind: ColumnType
    nullable: bool
    description: str
    choices: type[Described] | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """One direction of a foreign key: `local` of this table equals `remote` of `target`.

    `proven` says that a visible row here only leads to visible rows there, so that no predicate is needed.
    `ordered_by`, for lists of partitioned tables, are the fields in whose order an index finds the rows
    behind the key; None elsewhere.
    """

    field: str
    target: str
    local: str
    remote: str
    is_list: bool
    nullable: bool
    proven: bool
    description: str
    ordered_by: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that identify a row. `field` is its name in the input `by`."""

    field: str
    columns: tuple[Column, ...]
    unique: bool = True


@dataclass(frozen=True, slots=True)
class TableType:
    """A table, view or archive as the API shows it.

    `is_single` says that it has one row, which the root field `connection` gives by itself; `is_measured`
    that it tells what PostgreSQL is and does, so that two readings may differ although no row was changed.
    `order` are the columns that make any order total. `lookup` is None for views whose rows have no key.
    `timeline` is the field of the time by which the table is partitioned, where an index has it first.
    """

    name: str
    table: str
    description: str
    columns: MappingProxyType[str, Column]
    relations: MappingProxyType[str, Relation]
    keys: tuple[Key, ...]
    order: tuple[Column, ...]
    connection: str
    lookup: str | None
    is_view: bool
    is_single: bool = False
    is_measured: bool = False
    search: Search | None = None
    timeline: str | None = None

    @property
    def node_key(self) -> Column | None:
        """The column whose value stands in `nodeId`; None where a row may lack one, as in views."""
        key = self.keys[0].columns[0] if self.keys else None
        return None if key is None or key.nullable else key

    @property
    def label(self) -> str:
        """The stem of the table's aliases."""
        return names.constant(self.name).lower()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tables of the API by type name, and the root fields that lead to them."""

    types: MappingProxyType[str, TableType]
    connections: MappingProxyType[str, TableType] = field(init=False)
    lookups: MappingProxyType[str, TableType] = field(init=False)

    def __post_init__(self) -> None:
        tables = self.types.values()
        object.__setattr__(
            self, "connections", MappingProxyType({table.connection: table for table in tables})
        )
        object.__setattr__(
            self, "lookups", MappingProxyType({table.lookup: table for table in tables if table.lookup})
        )


def build_catalog(mappers: Iterable[Mapper[object]] | None = None) -> Catalog:
    """The catalog of all mapped tables for which `models/policy.py` has rules."""
    readable = [
        mapper
        for mapper in (Base.registry.mappers if mappers is None else mappers)
        if _table(mapper).name in policy.RULES
    ]
    found = (_table_type(mapper) for mapper in sorted(readable, key=lambda mapper: mapper.class_.__name__))
    return Catalog(MappingProxyType({table.name: table for table in found}))


def _table(mapper: Mapper[object]) -> Table:
    table = mapper.local_table
    if not isinstance(table, Table):
        raise TypeError(f"{mapper} is not mapped to a table")
    return table


def _table_type(mapper: Mapper[object]) -> TableType:
    table = _table(mapper)
    columns = _columns(mapper, table)
    by_name = {column.name: column for column in columns}
    is_view, is_single = bool(table.info.get("view")), bool(table.info.get("single"))
    keys = tuple(_keys(table, by_name, is_view=is_view))
    name = mapper.class_.__name__
    connection = camel(table.name)
    return TableType(
        name=name,
        table=table.name,
        description=(mapper.class_.__doc__ or "").strip(),
        columns=MappingProxyType({column.field: column for column in columns}),
        relations=MappingProxyType(
            {
                relation.field: relation
                for relation in (_relation(table, found) for found in mapper.relationships)
                if relation is not None
            }
        ),
        keys=keys,
        order=tuple(by_name[column.name] for column in table.primary_key),
        connection=connection,
        lookup=_lookup(name, connection) if keys and not is_single else None,
        is_view=is_view,
        is_single=is_single,
        is_measured=bool(table.info.get("measured")),
        search=SEARCHES.get(table.name),
        timeline=_timeline(table),
    )


def _lookup(name: str, connection: str) -> str:
    """A mass noun's row is an entry (docs/api.md, Names)."""
    found = names.lower_first(name)
    return f"{found}Entry" if found == connection else found


def _columns(mapper: Mapper[object], table: Table) -> list[Column]:
    columns = []
    for attribute in mapper.column_attrs:
        source = table.columns[attribute.columns[0].name]
        if source.info.get("hidden"):
            continue
        private = bool(source.info.get("private"))
        columns.append(
            Column(
                name=source.name,
                field=camel(attribute.key),
                kind=kind_of(source.type),
                # A viewer who may not read a private column reads null.
                nullable=bool(source.nullable) or private,
                description=source.doc or "",
                choices=getattr(source.type, "enum_class", None),
                private=private,
            )
        )
    return columns


def _keys(table: Table, columns: dict[str, Column], *, is_view: bool) -> Iterable[Key]:
    primary = [column.name for column in table.primary_key]
    if is_view and len(primary) > 1:
        return  # rows of such a view are groups with nullable names
    partitioned = _is_partitioned(table)
    seen: set[tuple[str, ...]] = set()
    # The time of partitioned tables is in the primary key only because PostgreSQL wants it there.
    first = tuple(primary[:1] if partitioned else primary)
    unique = [
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ] + [tuple(column.name for column in index.columns) for index in table.indexes if index.unique]
    for found in [first, *sorted(unique)]:
        if found in seen or not all(name in columns for name in found):
            continue
        seen.add(found)
        members = tuple(columns[name] for name in found)
        camel = "And".join(names.upper_first(column.field) for column in members)
        yield Key(names.lower_first(camel), members, unique=not (partitioned and found == first))


def _relation(table: Table, relationship: RelationshipProperty[object]) -> Relation | None:
    target = _table(relationship.mapper)
    if target.name not in policy.RULES:
        return None
    ((local, remote),) = relationship.local_remote_pairs or ()
    is_list = relationship.direction is RelationshipDirection.ONETOMANY
    if is_list:
        proven = policy.follows(target.name, remote.name, table.name, local.name)
    else:
        proven = policy.shows_rows_behind(table.name, local.name, target.name, remote.name)
    noun = (relationship.mapper.class_.__doc__ or "").strip()
    return Relation(
        field=camel(relationship.key),
        target=relationship.mapper.class_.__name__,
        local=local.name,
        remote=remote.name,
        is_list=is_list,
        nullable=not is_list and (bool(local.nullable) or not proven),
        proven=proven,
        description=_relation_description(relationship, noun, is_list=is_list),
        ordered_by=_indexed_orders(target, remote.name) if is_list and _is_partitioned(target) else None,
    )


def _is_partitioned(table: Table) -> bool:
    return table.dialect_options["postgresql"]["partition_by"] is not None


def _indexed_orders(table: Table, key: str) -> frozenset[str]:
    """The fields that come second in an index whose first column is `key`."""
    return frozenset(
        camel(columns[1]) for columns in _indexes(table) if columns[0] == key and len(columns) > 1
    )


def _timeline(table: Table) -> str | None:
    partitioned = str(table.dialect_options["postgresql"]["partition_by"])
    leading = (columns[0] for columns in _indexes(table))
    return next((camel(column) for column in leading if partitioned == f"RANGE ({column})"), None)


def _indexes(table: Table) -> list[list[str]]:
    """The columns of each index."""
    return [
        [str(part).split()[0].rpartition(".")[2] for part in index.expressions] for index in table.indexes
    ]


def _relation_description(relationship: RelationshipProperty[object], noun: str, *, is_list: bool) -> str:
    if relationship.doc:
        return relationship.doc
    words = relationship.key.replace("_", " ")
    if is_list:
        return f"The {words} of the row, page by page."
    return f"The {words}: {noun[:1].lower()}{noun[1:]}"
