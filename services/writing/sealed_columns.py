"""Columns that are encrypted at rest: revealed on request, and sealed anew with another key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB

from models import metadata
from services.core.database import Database
from services.core.json_codec import read_stored
from services.secrets.parts import with_secrets
from services.secrets.vault import Vault
from services.writing.action import Transaction
from services.writing.declaration import Kept
from services.writing.rows import lock_row
from services.writing.tables import DECLARED, TABLES

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A place of sealed texts: rows `t` of `table`, with SQL that reads one and assigns another, `$2`.

    `place` is what they were sealed for; an archive holds what was sealed for the table it copies. `clear`
    reads the JSON text of a value that an earlier release, or plain SQL, has stored as it is.
    """

    table: str
    read: str
    write: str
    place: str
    condition: str = "true"
    clear: str | None = None

    @property
    def sealing(self) -> str:
        """SQL that replaces the text in the row with the key $1."""
        return f"UPDATE {self.table} SET {self.write} WHERE id = $1"


def sealed_columns() -> Iterator[SealedColumn]:
    """Every place with sealed texts: columns that the models declare so, and what archives keep of them."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if "sealed" in column.info:
                yield _sealed_column(table, column)
    for declared in DECLARED.values():
        if isinstance(declared.archive, Kept):
            for column in declared.table.columns:
                if "sealed" in column.info:
                    yield _kept_column(declared.table, column)


def _sealed_column(table: Table, column: "Column[object]") -> SealedColumn:
    """Sealed texts stand in a text column as they are, and in a JSON column as `{"sealed": text}`."""
    name, place = column.name, column.info.get("sealed_for", f"{table.name}.{column.name}")
    if isinstance(column.type, JSONB):
        write = f"{name} = jsonb_build_object('sealed', $2::text)"
        clear = (
            f"CASE WHEN jsonb_typeof({name}) = 'object' AND {name} <> '{{}}' AND {name} ->> 'sealed' IS NULL"
            f" THEN {name}::text END"
        )
        return SealedColumn(table.name, f"{name} ->> 'sealed'", write, place, clear=clear)
    return SealedColumn(table.name, name, f"{name} = $2", place)


def _kept_column(table: Table, column: "Column[object]") -> SealedColumn:
    """The same in rows of `table` that are kept as JSON."""
    path = f"{{{column.name},sealed}}" if isinstance(column.type, JSONB) else f"{{{column.name}}}"
    return SealedColumn(
        "project_archive_rows",
        f"content #>> '{path}'",
        f"content = jsonb_set(content, '{path}', to_jsonb($2::text))",
        f"{table.name}.{column.name}",
        f"table_name = '{table.name}'",
    )


SEALED: Final = "v1.%.%"
"""A pattern of sealed texts; the key's name comes second (`Vault.seal`)."""


async def reveal(transaction: Transaction, place: str, key: object) -> object:
    """The value of a sealed column, for a caller who may change the row; None when there is none.

    Raises: NotFound and Forbidden.
    """
    table, _, column = place.partition(".")
    if not TABLES[table].columns[column].encrypted:
        raise ValueError(f"{place} is not encrypted")
    row = await lock_row(transaction, TABLES[table], key)
    return opened(transaction.vault, row[column], place)


def opened(vault: Vault, stored: object, place: str) -> object:
    """The value in what a sealed column holds; None when there is none.

    An object that is not sealed is itself the value: an earlier release, or plain SQL, has stored it so.
    Raises: NotSealedByUs.
    """
    text = stored.get("sealed", stored) if isinstance(stored, dict) else stored
    return vault.open(text, place) if isinstance(text, str) and text else text or None


async def reveal_whole(transaction: Transaction, table: str, key: object) -> dict[str, Any]:
    """The columns of a row that have sensitive parts, with them, by name. As `reveal` otherwise."""
    row = await lock_row(transaction, TABLES[table], key)
    shown = {}
    for name, place in TABLES[table].divided.items():
        parts: Any = transaction.vault.open(row[place], f"{table}.{place}") if row[place] else ()
        shown[name] = with_secrets(row[name], parts)
    return shown


async def rotate(
    database: Database, vault: Vault, progress: Callable[[str, int], None] = lambda place, done: None
) -> int:
    """Seal with the current key whatever is sealed with an older one or not yet, in transactions of 500 rows.

    How many values were sealed; running it again finds none. `progress` is told the column and how many
    of its values are done.
    """
    total = 0
    # Until a round finds nothing: projects may be archived or restored meanwhile, past a column just done.
    while changed := await _rotate_all(database, vault, progress):
        total += changed
    return total


async def _rotate_all(database: Database, vault: Vault, progress: Callable[[str, int], None]) -> int:
    total = 0
    for column in sealed_columns():
        done = 0
        while changed := await _rotate_some(database, vault, column) + await _seal_some(
            database, vault, column
        ):
            done += changed
            progress(f"{column.table}.{column.place.partition('.')[2]}", done)
        total += done
    return total


async def _rotate_some(database: Database, vault: Vault, column: SealedColumn) -> int:
    async with database.transaction() as connection:
        found = await connection.exec_driver_sql(
            f"SELECT id, {column.read} AS text FROM {column.table}"
            f" WHERE {column.condition} AND {column.read} IS NOT NULL AND NOT starts_with({column.read}, $1)"
            f" ORDER BY id LIMIT {_BATCH} FOR NO KEY UPDATE",
            (f"v1.{vault.current}.",),
        )
        rows = found.mappings().all()
        for row in rows:
            text = vault.seal(vault.open(row["text"], column.place), column.place)
            await connection.exec_driver_sql(column.sealing, (row["id"], text))
        return len(rows)


async def _seal_some(database: Database, vault: Vault, column: SealedColumn) -> int:
    """Seal values that are stored in clear."""
    if column.clear is None:
        return 0
    async with database.transaction() as connection:
        found = await connection.exec_driver_sql(
            f"SELECT id, {column.clear} AS value FROM {column.table} WHERE {column.clear} IS NOT NULL"
            f" ORDER BY id LIMIT {_BATCH} FOR NO KEY UPDATE"
        )
        rows = found.mappings().all()
        for row in rows:
            text = vault.seal(read_stored(row["value"]), column.place)
            await connection.exec_driver_sql(column.sealing, (row["id"], text))
        return len(rows)
