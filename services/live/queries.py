"""The live queries of one process: which of them a change concerns, and who follows them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from services.core.background import SideTask
from services.core.fair_shares import FairShares
from services.feed.events import ChangeEvent
from services.feed.feed import Feed
from services.feed.sources import CHANGES, LOGS, Source
from services.live.results import LiveSubscriber
from services.live.topics import LiveQuery, LiveTopic

POLL = 5.0


class LiveQueries:
    """`places` is how many statements they may run at a time, all together, and half of it for one person.

    `poll` is in seconds: how often a query is read anew that depends on something of which no event tells,
    such as a column that is not watched, or the time.
    """

    def __init__(self, feed: Feed, places: int, poll: float = POLL) -> None:
        self._feed = feed
        self._places = asyncio.Semaphore(places)
        self._shares = FairShares(max(1, places // 2))
        self._poll = poll
        self._topics: dict[Hashable, LiveTopic] = {}
        self._tasks: dict[LiveTopic, SideTask] = {}
        self._by_table: dict[str, set[LiveTopic]] = defaultdict(set)
        self._watched: dict[Source, Callable[[], None]] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        """Queries that are read again and again, each for all who follow it."""
        return len(self._topics)

    async def subscribe(self, query: LiveQuery, ready: Callable[[], None]) -> "LiveSubscription":
        """Follow a query: its result as of now, and whenever it has become another one.

        `ready` is called when there is something to take after there was nothing.
        """
        async with self._opening:
            # Before the first reading, so that no change falls between the two.
            try:
                while source := next(
                    (source for source in _sources_of(query) if source not in self._watched), None
                ):
                    self._watched[source] = await self._feed.watch(source, self._notice)
                topic = self._topics.get(query.key) or self._begin(query)
            except BaseException:
                self._unwatch()
                raise
        subscriber = LiveSubscriber(ready)
        topic.join(subscriber, query.person)
        return LiveSubscription(self, topic, subscriber)

    def leave(self, topic: LiveTopic, subscriber: LiveSubscriber) -> None:
        """Remove a subscriber; a query without followers is not read any more."""
        topic.leave(subscriber)
        if not topic and (task := self._forget(topic)):
            task.cancel()

    def _begin(self, query: LiveQuery) -> LiveTopic:
        topic = self._topics[query.key] = LiveTopic(query, self._places, self._shares, self._poll)
        for table in query.tables:
            self._by_table[table].add(topic)
        self._tasks[topic] = self._feed.supervisor.start(
            partial(self._run, topic), "live-query", given_up=partial(self._give_up, topic)
        )
        return topic

    async def _run(self, topic: LiveTopic) -> None:
        """Run the topic until an error of the query has ended all who follow it."""
        await topic.run()
        if task := self._forget(topic):
            task.cancel()

    def _give_up(self, topic: LiveTopic) -> None:
        self._forget(topic)
        topic.give_up()

    def _forget(self, topic: LiveTopic) -> SideTask | None:
        """Take a topic out; its task, unless it is out already."""
        task = self._tasks.pop(topic, None)
        if task is None:
            return None
        del self._topics[topic.query.key]
        for table in topic.query.tables:
            self._by_table[table].discard(topic)
        self._unwatch()
        return task

    def _unwatch(self) -> None:
        """End the watch over sources that no query needs."""
        for source in [*self._watched]:
            if not any(self._by_table.get(table) for table in source.tables):
                self._watched.pop(source)()

    def _notice(self, events: Sequence[ChangeEvent]) -> None:
        concerned = {
            topic for table in {event.table for event in events} for topic in self._by_table.get(table, ())
        }
        for topic in concerned:
            topic.touch()


def _sources_of(query: LiveQuery) -> list[Source]:
    """The sources that tell of changes in the tables of a query."""
    return [source for source in (CHANGES, LOGS) if not source.tables.isdisjoint(query.tables)]


class LiveSubscription:
    """A subscriber of a live query; close it when its connection or operation ends."""

    __slots__ = ("_queries", "_topic", "subscriber")

    def __init__(self, queries: LiveQueries, topic: LiveTopic, subscriber: LiveSubscriber) -> None:
        self.subscriber = subscriber
        self._queries: LiveQueries | None = queries
        self._topic = topic

    def close(self) -> None:
        """Get nothing more; safe to call twice."""
        queries, self._queries = self._queries, None
        if queries is not None:
            self.subscriber.end()
            queries.leave(self._topic, self.subscriber)
