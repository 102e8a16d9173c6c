"""The whole database as a value, so that a test can say that nothing changed, or what did."""

from collections import Counter
from collections.abc import Mapping

import models
from services.core.database import Database

Everything = Mapping[str, Counter[str]]
"""By table, its rows as PostgreSQL writes them, sequences and settings of the session left out."""


async def everything(database: Database) -> Everything:
    """Every row of every table, in one statement, so of one moment."""
    tables = [table.name for table in models.metadata.sorted_tables if not table.info.get("view")]
    parts = " UNION ALL ".join(
        f"SELECT '{table}' AS place, t::text AS content FROM {table} t" for table in tables
    )
    found: dict[str, Counter[str]] = {table: Counter() for table in tables}
    async with database.writer.connect() as connection:
        for row in (await connection.exec_driver_sql(parts)).mappings():
            found[row["place"]][row["content"]] += 1
    return found
