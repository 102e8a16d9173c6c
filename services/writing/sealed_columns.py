"""Columns that are encrypted at rest: sealed on the way in, revealed on request, sealed anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from services.core.database import Database
from services.core.errors import BadInput
from services.core.json_codec import write_json
from services.secrets.parts import with_secrets, without_secrets
from services.secrets.vault import Vault
from services.writing.action import Transaction
from services.writing.rows import lock_row
from services.writing.tables import TABLES
from services.writing.values import Unfit, json_text

MAX_SECRET: Final = 100
"""Characters of a webhook's secret (client §3.4.1)."""

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Where sealed texts are stored: rows of `table`, with SQL that reads one and assigns another, `$2`.

    `place` is what they were sealed for; an archive holds what was sealed for the table it copies.
    """

    table: str
    read: str
    write: str
    place: str


def _text(table: str, column: str, sealed_for: str | None = None) -> SealedColumn:
    """A column that holds the sealed text itself."""
    return SealedColumn(table, column, f"{column} = $2", f"{sealed_for or table}.{column}")


def _json(table: str, column: str, sealed_for: str | None = None) -> SealedColumn:
    """A column that holds `{"sealed": text}`."""
    write = f"{column} = jsonb_build_object('sealed', $2::text)"
    return SealedColumn(table, f"{column} ->> 'sealed'", write, f"{sealed_for or table}.{column}")


_COLUMNS: Final = (
    _json("projects", "environment_vars"),
    _json("cc_instances", "environment_vars"),
    _text("notification_settings", "webhook_secret"),
    _text("tasks", "input_secrets"),
    _text("tasks", "output_secrets"),
    _json("projects_archive", "environment_vars", "projects"),
    _text("tasks_archive", "input_secrets", "tasks"),
    _text("tasks_archive", "output_secrets", "tasks"),
    SealedColumn(
        "project_archive_rows",
        "content #>> '{environment_vars,sealed}'",
        "content = jsonb_set(content, '{environment_vars,sealed}', to_jsonb($2::text))",
        "cc_instances.environment_vars",
    ),
)


def sealed(vault: Vault, place: str, value: object, field: str) -> object:
    """What is stored for a value that a caller gives. `BadInput` for one of the wrong shape."""
    if value is None:
        return None
    if place.endswith(".environment_vars"):
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise BadInput("Environment variables are an object of texts.", field=field)
        return {"sealed": vault.seal(_storable(value, field), place)}
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SECRET:
        raise BadInput(f"A secret has 1 to {MAX_SECRET} characters.", field=field)
    return vault.seal(_storable(value, field), place)


def divided(vault: Vault, place: str, value: object) -> tuple[object, str | None]:
    """A JSON value without its sensitive parts, and those sealed for `place`; None where there are none.

    What is no JSON comes back as it is: it is refused where it would be stored.
    """
    try:
        write_json(value)
    except TypeError:
        return value, None
    hidden, parts = without_secrets(value)
    return hidden, vault.seal(parts, place) if parts else None


async def reveal(transaction: Transaction, place: str, key: object) -> object:
    """The value of a sealed column, for a caller who may change the row; None when there is none.

    Raises: NotFound and Forbidden.
    """
    table, _, column = place.partition(".")
    row = await lock_row(transaction, TABLES[table], key)
    stored = row[column]
    text = stored.get("sealed") if isinstance(stored, dict) else stored
    return transaction.vault.open(text, place) if text else None


async def reveal_whole(transaction: Transaction, table: str, key: object) -> dict[str, Any]:
    """The columns of a row that have sensitive parts, with them, by name. As `reveal` otherwise."""
    row = await lock_row(transaction, TABLES[table], key)
    shown = {}
    for column in TABLES[table].columns.values():
        if column.secrets is not None:
            text = row[column.secrets]
            parts: Any = transaction.vault.open(text, f"{table}.{column.secrets}") if text else ()
            shown[column.name] = with_secrets(row[column.name], parts)
    return shown


async def rotate(
    database: Database, vault: Vault, progress: Callable[[str, int], None] = lambda place, done: None
) -> int:
    """Seal with the current key whatever is sealed with an older one, in transactions of 500 rows.

    How many values were sealed anew; running it again finds none. `progress` is told the column and how many
    of its values are done.
    """
    total = 0
    # Until a round finds nothing: projects may be archived or restored meanwhile, past a column just done.
    while changed := await _rotate_all(database, vault, progress):
        total += changed
    return total


async def _rotate_all(database: Database, vault: Vault, progress: Callable[[str, int], None]) -> int:
    total = 0
    for column in _COLUMNS:
        done = 0
        while changed := await _rotate_some(database, vault, column):
            done += changed
            progress(f"{column.table}.{column.place.partition('.')[2]}", done)
        total += done
    return total


async def _rotate_some(database: Database, vault: Vault, column: SealedColumn) -> int:
    async with database.transaction() as connection:
        found = await connection.exec_driver_sql(
            f"SELECT id, {column.read} AS text FROM {column.table}"
            f" WHERE {column.read} IS NOT NULL AND NOT starts_with({column.read}, $1)"
            f" ORDER BY id LIMIT {_BATCH} FOR NO KEY UPDATE",
            (f"v1.{vault.current}.",),
        )
        rows = found.mappings().all()
        for row in rows:
            text = vault.seal(vault.open(row["text"], column.place), column.place)
            await connection.exec_driver_sql(
                f"UPDATE {column.table} SET {column.write} WHERE id = $1", (row["id"], text)
            )
        return len(rows)


def _storable(value: object, field: str) -> object:
    """The value, which is sealed as it is and has to be what could be stored in clear."""
    try:
        json_text(value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None
    return value
