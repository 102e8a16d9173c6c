"""Figures about the contents of tables, by which two databases are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from models.maintenance import MOVED, MOVING
from models.session import SESSION
from services.core.database import Connection
from services.writing.sealed_columns import SEALED, sealed_columns

Told = Callable[[str, int, int], None]
"""Told of a step: its name, how much is done, how much there is."""

WITHOUT: Final = (MOVING, MOVED)
"""Schemas of what maintenance makes anew: no backup has them."""

TABLES: Final = f"""
SELECT quote_ident(nspname) || '.' || quote_ident(relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND nspname NOT IN {WITHOUT}
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
ORDER BY 1
"""
"""Partitions one by one; the tables of extensions are theirs."""

OBJECTS: Final = """
SELECT (SELECT count(*) FROM pg_class JOIN pg_namespace AS space ON space.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e'))
"""
"""How many tables, views and sequences there are; 0 in an empty database."""

# A dump may be older than the function.
RENEW_FEED: Final = """
DO $$ BEGIN
    IF to_regproc('ccgraph_renew_feed') IS NOT NULL THEN
        PERFORM ccgraph_renew_feed();
    END IF;
END $$
"""
"""What a database needs once its rows came from another server: transaction ids mean nothing here."""

END_CURSORS: Final = "UPDATE feed_state SET epoch = gen_random_uuid()"
"""What a server needs that went back in time: cursors speak of changes that have not happened any more."""

SAME_SPELLING: Final = "".join(f"SET {name} = '{value}';\n" for name, value in SESSION.items())
"""What the text of a row depends on; `contents` has it by its connection."""


@dataclass(frozen=True, slots=True)
class Content:
    """The number of rows of a table, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


def content_query(table: str) -> str:
    """One row `table, rows, digest`. Two different rows would need the same 64 bits to go unnoticed."""
    literal = table.replace("'", "''")
    return (
        f"SELECT '{literal}', count(*), COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
        f" FROM ONLY {table} AS t"
    )


async def contents(connection: Connection, told: Told) -> dict[str, Content]:
    """The content of each table, as the connection's transaction sees it."""
    names = [row[0] for row in await connection.fetch(TABLES)]
    found = {}
    for number, name in enumerate(names):
        told("checksums", number, len(names))
        _, rows, digest = await connection.fetchrow(content_query(name)) or (name, 0, "0")
        found[name] = Content(rows, digest)
    told("checksums", len(names), len(names))
    return found


async def keys_in_use(connection: Connection) -> list[str]:
    """The names of the encryption keys that values are sealed with. An older database may lack a column."""
    names: set[str] = set()
    for column in sealed_columns():
        try:
            async with connection.transaction():  # a savepoint, where one runs already
                rows = await connection.fetch(
                    f"SELECT DISTINCT split_part({column.read}, '.', 2) FROM {column.table} AS t"
                    f" WHERE {column.condition} AND {column.read} LIKE '{SEALED}'"
                )
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            continue
        names.update(row[0] for row in rows)
    return sorted(names)


def differences(saved: Mapping[str, Content], found: Mapping[str, Content]) -> list[str]:
    """A sentence for each table that does not hold what was saved."""
    told = []
    for name in sorted({*saved, *found}):
        before, after = saved.get(name), found.get(name)
        if before is None or after is None:
            told.append(f"{name} is missing" if after is None else f"{name} was not saved")
        elif before.rows != after.rows:
            told.append(f"{name} has {after.rows} rows of {before.rows}")
        elif before.digest != after.digest:
            told.append(f"{name} has other values in its {after.rows} rows")
    return told
