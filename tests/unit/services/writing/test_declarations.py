"""Every table and every column of the models says how it is written."""

import importlib
from pathlib import Path

import pytest
from sqlalchemy import Column, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models import Base, Task, TaskDependency, metadata
from models.base import BY_SERVER, GIVEN
from services.writing.declaration import Kept, Moved, WritableTable, WrittenElsewhere, writable
from services.writing.lifecycles import TASK
from services.writing.sealed_columns import sealed_columns
from services.writing.tables import DECLARED, NOUNS, TABLES

STORED = [table for table in metadata.sorted_tables if not table.info.get("view")]

ELSEWHERE = [one for one in DECLARED.values() if isinstance(one, WrittenElsewhere)]

MODULES = {mapper.local_table: mapper.class_.__module__ for mapper in Base.registry.mappers}


def not_declared(column: "Column[object]", module: str) -> str:
    """What the author of a new column is told; empty where the column says who writes it."""
    if "written" in column.info:
        return ""
    return (
        f"{column} does not say who writes it: give it, in {module}, `info=GIVEN` (callers give and change"
        " it), `FIXED` (callers give it once) or `BY_SERVER`; for a secret `SEALED_TEXT`, `SEALED_VARIABLES`,"
        " `divided(...)` or `fingerprint_of(...)` (models/base.py)"
    )


LEAVING = {one.name for one in DECLARED.values() if isinstance(one.archive, Moved | Kept)}
"""Tables whose rows leave with their project."""

BEHIND = [
    table
    for table in STORED
    if table.name in LEAVING
    or any(key.column.table.name in LEAVING for column in table.columns for key in column.foreign_keys)
]


@pytest.mark.parametrize("table", STORED, ids=str)
def test_every_table_says_who_writes_it(table: Table) -> None:
    assert table.name in DECLARED, (
        f"{table.name} has no declaration: add `writable(...)` to the module of its noun in"
        " services/writing/declarations/, or to elsewhere.py which module writes it"
    )


def test_nothing_is_declared_twice_or_is_not_there() -> None:
    found = [
        one.name
        for noun in NOUNS
        for one in vars(noun).values()
        if isinstance(one, WritableTable | WrittenElsewhere)
    ]
    assert len(found) == len(set(found))
    assert DECLARED.keys() == {table.name for table in STORED}


@pytest.mark.parametrize(
    "column", [column for table in TABLES.values() for column in table.table.columns], ids=str
)
def test_every_column_of_a_table_says_who_writes_it(column: "Column[object]") -> None:
    told = not_declared(column, MODULES[column.table])
    assert not told, told


def test_a_column_that_says_nothing_is_told_and_cannot_be_written() -> None:
    class Other(DeclarativeBase):
        """A base of its own, so that the schema has no such table."""

    class Thing(Other):
        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True, info=BY_SERVER)
        name: Mapped[str] = mapped_column(info=GIVEN)
        new: Mapped[str] = mapped_column()

    table = writable(Thing)

    assert [*table.columns] == ["name"]
    assert not_declared(table.table.c.name, "models.things") == ""
    told = not_declared(table.table.c.new, "models.things")
    assert told.startswith("things.new does not say who writes it: give it, in models.things, `info=GIVEN`")


def test_a_declaration_that_contradicts_its_model_is_refused() -> None:
    with pytest.raises(ValueError, match="tasks has no column owner_id"):
        writable(Task, belongs_by="owner_id")
    with pytest.raises(ValueError, match="task_dependencies has no column status"):
        writable(TaskDependency, lifecycle=TASK)


@pytest.mark.parametrize(
    "declared",
    [one for one in DECLARED.values() if isinstance(one, WrittenElsewhere)],
    ids=lambda one: one.name,
)
def test_a_table_that_is_written_elsewhere_names_a_module_that_speaks_of_it(
    declared: WrittenElsewhere,
) -> None:
    module = importlib.import_module(declared.by)
    assert module.__file__ is not None
    source = Path(module.__file__).read_text()
    model = next((m.class_.__name__ for m in Base.registry.mappers if m.local_table is declared.table), "")
    assert declared.name in source or (model and model in source) or "_archive" in declared.name


@pytest.mark.parametrize("table", BEHIND, ids=str)
def test_what_belongs_to_a_project_says_what_becomes_of_it_in_the_archive(table: Table) -> None:
    assert DECLARED[table.name].archive is not None, (
        f"{table.name} refers to a project or to what leaves with it: say in its declaration"
        " `archive=Moved(...)`, `Kept(...)`, `Unlinked(...)` or `Lost(...)`"
    )


def test_every_sealed_column_of_every_table_is_sealed_anew_with_another_key() -> None:
    reached = {(one.table, one.read.split()[0]) for one in sealed_columns()}
    declared = {
        (table.name, column.name)
        for table in STORED
        for column in table.columns
        if column.info.get("sealed") is not None
    }
    assert declared <= reached
    assert len(declared) == 12

    of_tables = {(table, name) for table, name in declared if table in TABLES}
    places = {one.place for one in sealed_columns()}
    # A secret that was replaced stays sealed for the column that it comes from.
    of_tables.discard(("notification_settings", "previous_webhook_secret"))
    assert places == {f"{table}.{name}" for table, name in of_tables}


def test_what_is_encrypted_or_hashed_is_not_readable() -> None:
    for table in STORED:
        for column in table.columns:
            if column.info.keys() & {"sealed", "fingerprint_of"}:
                assert column.info.get("hidden"), column


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_columns_of_a_declaration_are_there(table: WritableTable) -> None:
    for reference in table.references:
        assert table.table.c[reference.column].foreign_keys
        assert reference.key in metadata.tables[reference.target].c
    if table.lifecycle is not None:
        for stamps in table.lifecycle.stamps.values():
            assert stamps.keys() <= {*table.table.c.keys()}
