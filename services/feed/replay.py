"""What happened after a cursor, up to where the reader of this process stands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from services.feed.cursors import Cursor
from services.feed.dedicated_connection import Line
from services.feed.events import Batch
from services.feed.reader import Reader
from services.feed.snapshots import Snapshot

_READER_BEHIND = 0.01


async def since(
    line: Line, reader: Reader, cursor: Cursor, require_kept: Callable[[Snapshot], Awaitable[None]]
) -> AsyncIterator[Batch]:
    """Batches from right after `cursor` to the reader's position.

    `require_kept` is asked after each reading whether all was still there that this snapshot does not see:
    retention may remove events while a client catches up.

    Between the last check for that position and the end of the iteration nothing is awaited, so whoever goes
    on live in the very next step has neither a hole nor a repeat.
    """
    flow, place = reader.flow, cursor.place
    batch = Batch(cursor.before, cursor.batch, complete=False)
    while not batch.complete:
        batch = await line.insist(partial(flow.rest, before=cursor.before, until=cursor.batch, past=place))
        await require_kept(cursor.before)
        if batch.events:
            place = batch.events[-1].place
            yield batch
    position = cursor.batch
    while position != reader.position:
        target = reader.position
        if not target.includes(position):  # the cursor is from another process, whose reader was faster
            await asyncio.sleep(_READER_BEHIND)
            continue
        batch = await line.insist(partial(flow.first, before=position, until=target))
        await require_kept(position)
        while batch.events:
            yield batch
            if batch.complete:
                break
            place = batch.events[-1].place
            batch = await line.insist(partial(flow.rest, before=position, until=target, past=place))
            await require_kept(position)
        position = target
