"""People who follow queries, and what is written beside them."""

from typing import Any

import pytest

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.schema import build_schema
from gql.subscriptions.open_subscription import Subscriptions
from services.accounts.subscription_quota import Allowance
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.feed.feed import Feed
from services.live.queries import LiveQueries
from services.live.topics import LiveTopic
from tests.integration.feed.conftest import (
    Listening,
    connect,
    feed,
    owner_id,
    prepared_subscription,
    project_id,
    settled,
    writer,
)
from tests.support.statements import Statements
from tests.support.waiting import PATIENCE, until

__all__ = ["connect", "feed", "owner_id", "project_id", "writer"]

API = Api(*build_schema())
TOKENS = TokenPolicy("secret" * 6)
POLL = 0.3
"""Seconds; short, for a test waits for it."""


class Followers:
    """Opens live queries as a transport does, and counts what they send to PostgreSQL."""

    def __init__(self, database: Database, feed: Feed, statements: Statements, poll: float = POLL) -> None:
        self.queries = LiveQueries(feed, places=2, poll=poll)
        self._subscriptions = Subscriptions(
            API, feed, self.queries, lambda notification: None, Allowance(100)
        )
        self._database = database
        self._feed = feed
        self._statements = statements

    async def follow(
        self, query: str, user_id: int, *, is_admin: bool = False, **variables: Any
    ) -> Listening:
        """Subscribe; variables that are no numbers go as text."""
        listening = Listening()
        context = Context(self._database, Origin(), TOKENS, Principal(user_id, "x", is_admin))
        given = {name: value if isinstance(value, float) else str(value) for name, value in variables.items()}
        prepared = await prepared_subscription(API, OperationRequest(query, given), context)
        listening.subscription = await self._subscriptions.open(prepared, context, listening.wake)
        return listening

    @property
    def readings(self) -> int:
        """How often queries were read since the last `forget`."""
        return sum("root$1" in text for text in self._statements)

    def forget(self) -> None:
        """Count from 0."""
        self._statements.clear()

    async def read(self, times: int) -> None:
        """Wait until queries were read so often since the last `forget`, and see that no more follows."""
        await until(lambda: self.readings >= times)
        await self.settle()
        assert self.readings == times

    async def settle(self) -> None:
        """Until what was committed is read from the feed, and the queries have read what that calls for."""
        await settled(self._feed)
        await until(lambda: all(map(_rests, self.queries._topics.values())))


def _rests(topic: LiveTopic) -> bool:
    """Whether it waits for a change: it is stirred from the word of one until its reading has ended."""
    return not topic._stirred.is_set() and not topic._pacing._stale


@pytest.fixture
def followers(database: Database, feed: Feed, statements: Statements) -> Followers:
    """On the feed of one process."""
    return Followers(database, feed, statements)


async def result(listening: Listening, seconds: float = PATIENCE) -> Any:
    """The next result: what stands under `live`."""
    response: Any = await listening.next(seconds)
    assert response.keys() == {"data"}, response
    assert response["data"].keys() == {"live"}
    return response["data"]["live"]
