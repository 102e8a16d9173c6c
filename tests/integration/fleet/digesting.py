"""Digests records as a person, and reads what came of it."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text

from services.core.database import Database
from services.core.principal import Principal
from services.fleet.digestion import digest
from services.fleet.records import Digested, RawRecord
from tests.support.acting import action
from tests.support.factories import make_user

TABLES: Final = {
    "projects": ("id", "created_at", "updated_at", "last_activity", "total_sessions"),
    "sessions": ("id", "updated_at", "project_id"),
    "cc_instances": (),
    "mcp_tool_calls": (),
    "ultrathink_messages": (),
    "tasks": ("updated_at",),
    "task_logs": ("xid",),
    "git_worktrees": (),
    "cc_logs": ("xid",),
    "cc_permission_requests": (),
    "cc_usage": ("created_at",),
    "file_operations": ("id",),
    "cc_provenance": (),
}
"""The tables that digestion writes, with the columns that no source tells: counters, and when a row was
written."""


async def person(database: Database) -> Principal:
    """Someone with a fleet."""
    async with database.writer.begin() as connection:
        user = await make_user(connection)
    return Principal(user.id, user.username, False)


async def digested(database: Database, who: Principal, records: Sequence[RawRecord]) -> Digested:
    """One batch, as a worker digests it."""
    async with action(database, who).transaction() as transaction:
        return await digest(transaction, who.user_id, records)


async def rows(database: Database, table: str, condition: str = "true") -> list[dict[str, Any]]:
    """The rows of a table, in an order of their own."""
    hidden = TABLES.get(table, ())
    async with database.writer.connect() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table} t WHERE {condition}"))
        kept = [
            {name: value for name, value in row.items() if name not in hidden} for row in found.mappings()
        ]
    return sorted(kept, key=lambda row: [str(value) for value in row.values()])


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All that digestion writes."""
    found = {table: await rows(database, table) for table in TABLES}
    for row in found["cc_provenance"]:
        row["told"].pop("number", None)
    return found


async def clear(database: Database) -> None:
    """Remove all of it."""
    async with database.writer.begin() as connection:
        for table in reversed(TABLES):
            await connection.execute(text(f"DELETE FROM {table}"))
