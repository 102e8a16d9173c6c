"""Holds events of a burst back for connections that are behind, as long as these keep taking them.

A burst can be longer than any queue, so those who take it as fast as it can be sent are given the time. What
they do not manage otherwise is brought to them again from the feed (services/feed/catching_up.py), so nothing
is lost if this waits too little, and subscribers are late if it waits too long.
"""

import asyncio
from collections.abc import Collection, Sequence

from services.feed.subscribers import Subscriber

_GLANCE = 0.005
_CHECK = 10
"""Glances after which a connection must have taken something. They are counted, because a pause of the whole
process, in which nothing can be taken, is a single one."""
_LEAST_TAKEN = 0.1
"""The share of its queue that it must have taken."""


async def keep_pace(reached: Collection[Subscriber]) -> None:
    """Wait until those of `reached` who take quickly are no longer behind; returns at once when none is.

    Who takes too little between two checks is *lagging*, and not waited for until it has taken all. So a
    connection that stands still delays the others once, by a few hundredths of a second in a burst. Where no
    more than half of them are behind, there is one check and no more.
    """
    behind = _behind(reached)
    while behind:
        before = {subscriber: subscriber.load for subscriber in behind}
        for _ in range(_CHECK):
            await asyncio.sleep(_GLANCE)
            behind = _behind(behind)
            if not behind:
                return
        are_few = 2 * len(behind) <= len(reached)
        for subscriber in behind:
            subscriber.lagging = are_few or subscriber.load > before[subscriber] * (1 - _LEAST_TAKEN)
        behind = _behind(behind)


def _behind(subscribers: Collection[Subscriber]) -> Sequence[Subscriber]:
    return [found for found in subscribers if found.congested and not found.lagging and not found.ended]
