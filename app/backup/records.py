"""Records of backups, written over a connection of their own."""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import asyncpg

from services.core.connecting import connect
from services.system import backup_runs


async def note_removed(url: str, keys: Collection[UUID]) -> None:
    """Record that the files of backups are gone."""
    if keys:
        connection = await connect(url)
        try:
            await backup_runs.note_removed(connection, keys)
        finally:
            connection.terminate()


async def note_verified(url: str, key: UUID, *, same: bool) -> bool:
    """Record whether a dump could be read back; False where it is not this database's."""
    connection = await connect(url)
    try:
        return await backup_runs.note_verified(connection, key, same=same)
    finally:
        connection.terminate()


async def note(url: str, run: backup_runs.Run) -> None:
    """Record what became of a backup, unless the database is away or a replica: the files are what counts."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection = await connect(url)
        try:
            await backup_runs.note(connection, run)
        finally:
            connection.terminate()


async def age_of_last(url: str, kind: str) -> timedelta | None:
    """The time since the last whole backup of a kind began; None without one."""
    connection = await connect(url)
    try:
        return await backup_runs.age_of_last(connection, kind)
    finally:
        connection.terminate()
