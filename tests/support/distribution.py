"""The table on a distribution by project in docs/operations.md, of the models; `python -m` writes it."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.sql.schema import PrimaryKeyConstraint

from models.base import Base
from models.views import VIEWS

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
HEADER = "| Table | Its project | Needs | Unique keys without the project |\n|---|---|---|---|\n"
DISTRIBUTED = "projects"


def table() -> str:
    """One line for each table that stores rows, by name."""
    tables = Base.metadata.tables
    return HEADER + "".join(_line(tables[name]) for name in sorted(tables) if name not in VIEWS)


def documented() -> str:
    """The table as it stands in the document."""
    text = DOCUMENT.read_text()
    start = text.index(HEADER)
    return text[start : text.index("\n\n", start) + 1]


def _line(stored: Table) -> str:
    way = _way(stored)
    if way is None:
        project, work = "none", "one place"
    elif not way:
        project, work = "itself", ""
    else:
        project = ", then ".join(f"`{column.name}`" for column in way)
        work = "" if len(way) == 1 else "column"
        if any(column.nullable for column in way):
            project += "; may be null"
            work = f"{work}, home".removeprefix(", ")
    keys = ", ".join(f"`{', '.join(key)}`" for key in sorted({*_unique(stored)}) if "project_id" not in key)
    return f"| `{stored.name}` | {project} | {work} | {keys} |\n"


def _way(stored: Table) -> list[Column[object]] | None:
    """The foreign keys that lead to the project: the shortest way, and of those one that is never null."""
    found: list[list[Column[object]]] = []
    ways: list[tuple[Table, list[Column[object]]]] = [(stored, [])]
    while ways and not found:
        found = [way for at, way in ways if at.name == DISTRIBUTED]
        ways = [
            (key.column.table, [*way, column])
            for at, way in ways
            for column in at.columns
            for key in column.foreign_keys
            if key.column.table is not at and column not in way and len(way) < len(Base.metadata.tables)
        ]
    return min(found, key=lambda way: sum(bool(column.nullable) for column in way)) if found else None


def _unique(stored: Table) -> Iterator[tuple[str, ...]]:
    for constraint in stored.constraints:
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint) and constraint.columns:
            yield tuple(column.name for column in constraint.columns)
    for index in stored.indexes:
        if index.unique:
            yield tuple(str(getattr(part, "name", part)) for part in index.expressions)


if __name__ == "__main__":
    DOCUMENT.write_text(DOCUMENT.read_text().replace(documented(), table()))
