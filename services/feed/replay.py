"""What happened after a cursor, up to where the reader of this process stands."""

import asyncio
from collections.abc import AsyncIterator

from services.feed.cursors import Cursor
from services.feed.events import Batch
from services.feed.line import Line
from services.feed.reader import Reader

_READER_BEHIND = 0.01


async def past(line: Line, reader: Reader, cursor: Cursor) -> AsyncIterator[Batch]:
    """Batches from right after `cursor` to the reader's position.

    Between the last check for that position and the end of the iteration nothing is awaited, so whoever goes
    on live in the very next step has neither a hole nor a repeat.
    """
    place = cursor.place
    batch = Batch(cursor.before, cursor.batch, complete=False)
    while not batch.complete:
        async with line.connection() as connection:
            batch = await reader.flow.rest(connection, cursor.before, cursor.batch, place)
        if batch.events:
            place = batch.events[-1].place
            yield batch
    position = cursor.batch
    while position != reader.position:
        target = reader.position
        if not target.includes(position):  # the cursor is from another process, whose reader was faster
            await asyncio.sleep(_READER_BEHIND)
            continue
        async with line.connection() as connection:
            batch = await reader.flow.first(connection, position, target)
        while batch.events:
            yield batch
            if batch.complete:
                break
            async with line.connection() as connection:
                batch = await reader.flow.rest(connection, position, target, batch.events[-1].place)
        position = target
