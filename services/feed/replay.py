"""Replays the events after a cursor, up to where the reader of this process stands."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from services.core.database import PrimaryConnection
from services.feed.cursors import Cursor
from services.feed.events import Batch
from services.feed.reader import Reader
from services.feed.snapshots import Snapshot

_READER_BEHIND = 0.01
_PAGE = 100
"""Events in one reading: one who catches up holds so many, however slowly they are taken."""

T = TypeVar("T")


class Retrying(Protocol):
    """A way to read."""

    async def retry(self, read: Callable[[PrimaryConnection], Awaitable[T]]) -> T:
        """The result of `read` over a connection, tried until the database is there."""


async def since(
    connection: Retrying, reader: Reader, cursor: Cursor, require_kept: Callable[[Snapshot], Awaitable[None]]
) -> AsyncGenerator[tuple[Batch, bytes], None]:
    """Batches from right after `cursor` to the reader's position, each with the place before its first event.

    `require_kept` is asked after each reading whether all was still there that this snapshot does not see:
    retention may remove events while a client catches up.

    Between the last check for that position and the end of the iteration nothing is awaited, so one who goes
    on live in the very next step has neither a hole nor a repeat.
    """
    source, place = reader.source, cursor.place
    batch = Batch(cursor.before, cursor.batch, complete=False)
    while not batch.complete:
        batch = await connection.retry(
            partial(source.rest, before=batch.before, until=batch.after, past=place, limit=_PAGE)
        )
        await require_kept(batch.before)
        if batch.events:
            yield batch, place
            place = batch.events[-1].place
    position = batch.after
    while position != reader.position:
        target = reader.position
        if not target.includes(position):  # the cursor is from another process, whose reader was faster
            await asyncio.sleep(_READER_BEHIND)
            continue
        batch = await connection.retry(partial(source.first, before=position, until=target, limit=_PAGE))
        await require_kept(batch.before)
        place = b""
        while batch.events:
            yield batch, place
            if batch.complete:
                break
            place = batch.events[-1].place
            batch = await connection.retry(
                partial(source.rest, before=batch.before, until=batch.after, past=place, limit=_PAGE)
            )
            await require_kept(batch.before)
        position = batch.after
