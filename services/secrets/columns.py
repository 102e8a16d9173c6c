"""Columns that are encrypted at rest: sealed on the way in, revealed on request, sealed anew."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson

from services.database import Database, WriteConnection
from services.errors import BadInput
from services.principal import Principal
from services.secrets.vault import Vault
from services.writing.rows import hold
from services.writing.tables import TABLES

MAX_SECRET: Final = 100
"""Characters of a webhook's secret (client §3.4.1)."""

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """`in_json` columns hold `{"sealed": text}`, the others the text itself."""

    table: str
    column: str
    in_json: bool

    @property
    def place(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def sql(self) -> str:
        """The sealed text of a row."""
        return f"{self.column} ->> 'sealed'" if self.in_json else self.column


COLUMNS: Final = MappingProxyType(
    {
        column.place: column
        for column in (
            SealedColumn("projects", "environment_vars", in_json=True),
            SealedColumn("cc_instances", "environment_vars", in_json=True),
            SealedColumn("notification_settings", "webhook_secret", in_json=False),
        )
    }
)
"""By place: `projects.environment_vars`."""


def sealed(vault: Vault, place: str, value: object, field: str) -> object:
    """What is stored for a value that a caller gives. `BadInput` for one of the wrong shape."""
    column = COLUMNS[place]
    if value is None:
        return None
    if column.in_json:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise BadInput("Environment variables are an object of texts.", field=field)
        return {"sealed": vault.seal(_storable(value, field), place)}
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SECRET:
        raise BadInput(f"A secret has 1 to {MAX_SECRET} characters.", field=field)
    return vault.seal(_storable(value, field), place)


async def reveal(
    connection: WriteConnection, principal: Principal, vault: Vault, place: str, key: object
) -> object:
    """The value of a sealed column, for somebody who may change the row; None when there is none.

    Raises `NotFound` or `Forbidden`. Whoever calls this leaves an audit row.
    """
    column = COLUMNS[place]
    row = await hold(connection, principal, TABLES[column.table], key)
    stored = row[column.column]
    text = stored.get("sealed") if column.in_json and stored else stored
    return vault.open(text, place) if text else None


async def rotate(
    database: Database, vault: Vault, progress: Callable[[str, int], None] = lambda place, done: None
) -> int:
    """Seal with the current key whatever is sealed with an older one, in transactions of 500 rows.

    How many values were sealed anew; running it again finds none. `progress` is told the column and how many
    of its values are done.
    """
    total = 0
    for column in COLUMNS.values():
        done = 0
        while changed := await _rotate_some(database, vault, column):
            done += changed
            progress(column.place, done)
        total += done
    return total


async def _rotate_some(database: Database, vault: Vault, column: SealedColumn) -> int:
    async with database.transaction() as connection:
        found = await connection.exec_driver_sql(
            f"SELECT id, {column.sql} AS text FROM {column.table}"
            f" WHERE {column.sql} IS NOT NULL AND NOT starts_with({column.sql}, $1)"
            f" ORDER BY id LIMIT {_BATCH} FOR NO KEY UPDATE",
            (f"v1.{vault.current}.",),
        )
        rows = found.mappings().all()
        for row in rows:
            text = vault.seal(vault.open(row["text"], column.place), column.place)
            value = orjson.dumps({"sealed": text}).decode() if column.in_json else text
            await connection.exec_driver_sql(
                f"UPDATE {column.table} SET {column.column} = $2 WHERE id = $1", (row["id"], value)
            )
        return len(rows)


def _storable(value: object, field: str) -> object:
    try:
        orjson.dumps(value)
    except TypeError:
        raise BadInput("A text holds half of a surrogate pair, which is no character.", field=field) from None
    return value
