"""The record of backups in the database: what was made, whether it was tried, what is gone."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from services.core.database import Connection
from services.core.json_codec import write_json

_NOTE: Final = """
INSERT INTO backup_runs
    (id, kind, status, started_at, finished_at, path, size_bytes, row_count, encryption_keys, error)
VALUES ($1, $2, $3, $4, COALESCE($5, now()), $6, $7, $8, $9::jsonb, $10)
"""
_VERIFIED: Final = "UPDATE backup_runs SET verified_at = now(), is_verified = $2 WHERE id = $1"
_REMOVED: Final = "UPDATE backup_runs SET removed_at = now() WHERE id = ANY($1) AND removed_at IS NULL"
_FORGET: Final = (
    "DELETE FROM backup_runs WHERE finished_at < now() - $1::interval"
    " AND (removed_at IS NOT NULL OR status = 'failed')"
)
_AGE: Final = """
SELECT now() - max(started_at) FROM backup_runs WHERE kind = $1 AND status = 'completed'
"""
_RECORD_KEPT: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Run:
    """A backup as it is recorded; `error` is why there is none."""

    id: UUID
    kind: str
    started_at: datetime
    finished_at: datetime | None = None
    path: str | None = None
    size: int | None = None
    row_count: int | None = None
    keys: Collection[str] = field(default=())
    error: str | None = None


async def note(connection: Connection, run: Run) -> bool:
    """Record a backup; False where the database is of before the record."""
    try:
        await connection.execute(
            _NOTE,
            run.id,
            run.kind,
            "completed" if run.error is None else "failed",
            run.started_at,
            run.finished_at,
            run.path,
            run.size,
            run.row_count,
            write_json(list(run.keys)).decode(),
            run.error,
        )
        await connection.execute(_FORGET, _RECORD_KEPT)
    except asyncpg.UndefinedTableError:
        return False
    return True


async def note_verified(connection: Connection, key: UUID, *, same: bool) -> bool:
    """Record whether a backup could be read back; False where it is not this database's."""
    try:
        return await connection.execute(_VERIFIED, key, same) == "UPDATE 1"
    except asyncpg.UndefinedTableError:
        return False


async def note_removed(connection: Connection, keys: Collection[UUID]) -> None:
    """Record that the files of backups are gone."""
    try:
        await connection.execute(_REMOVED, list(keys))
    except asyncpg.UndefinedTableError:
        return


async def age_of_last(connection: Connection, kind: str) -> timedelta | None:
    """The time since the last whole backup of a kind began, by the database's clock; None without one."""
    age: timedelta | None = await connection.fetchval(_AGE, kind)
    return age
