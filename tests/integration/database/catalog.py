"""What PostgreSQL says about the tables of a schema, in its own words: two schemas can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

COLUMNS = """
SELECT relname AS "table", attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required,
    pg_get_expr(adbin, adrelid) AS "default", attidentity::text AS identity,
    col_description(attrelid, attnum) AS comment
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped
"""

# NOT NULL counts as a constraint from version 18 on; `required` has it everywhere.
CONSTRAINTS = """
SELECT relname AS "table", conname AS name, pg_get_constraintdef(pg_constraint.oid) AS definition
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE relnamespace = $1::regnamespace AND NOT relispartition AND contype <> 'n' AND contype <> 't'
"""

INDEXES = """
SELECT owner.relname AS "table", pg_class.relname AS name,
    replace(pg_get_indexdef(indexrelid), ' ' || $1 || '.', ' ') AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_class AS owner ON owner.oid = indrelid
WHERE owner.relnamespace = $1::regnamespace AND NOT owner.relispartition
"""

TABLE_COMMENTS = """
SELECT relname AS "table", '' AS name, obj_description(oid, 'pg_class') AS comment
FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
"""

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything by (table, name)."""

    columns: Mapping[Key, Mapping[str, Any]]
    constraints: Mapping[Key, str]
    indexes: Mapping[Key, str]
    comments: Mapping[Key, str | None]

    @property
    def tables(self) -> set[str]:
        """The names of all tables and views."""
        return {table for table, _ in self.columns}


async def read_catalog(connection: Connection, schema: str) -> Catalog:
    """What is in `schema`; names of its own objects come without it. Call it in a transaction."""
    await connection.execute(f"SET LOCAL search_path = {schema}, public")

    async def fetch(query: str) -> dict[Key, asyncpg.Record]:
        return {(row["table"], row["name"]): row for row in await connection.fetch(query, schema)}

    def definitions(rows: dict[Key, asyncpg.Record]) -> dict[Key, str]:
        return {key: row["definition"] for key, row in rows.items()}

    return Catalog(
        columns={
            key: {name: row[name] for name in ("type", "required", "default", "identity", "comment")}
            for key, row in (await fetch(COLUMNS)).items()
        },
        constraints=definitions(await fetch(CONSTRAINTS)),
        indexes=definitions(await fetch(INDEXES)),
        comments={key: row["comment"] for key, row in (await fetch(TABLE_COMMENTS)).items()},
    )
