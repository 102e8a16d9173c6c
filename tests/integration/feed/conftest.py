"""A project with instances, connections that write as other programs would, and a feed to subscribe to."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.execution.prepared import PreparedSubscription, Refused
from gql.schema import build_schema
from gql.subscriptions.open_subscription import Subscriptions
from models.policy import Viewer
from services.accounts.subscription_quota import Allowance
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.feed.feed import Feed
from services.feed.reader import Pace, Reader
from services.feed.statement_connections import Acquire
from services.feed.subscribers import Capacity, Opened
from services.feed.topics import Filter, PositionedEvent, Topic
from services.feed.wakeup import Wakeup
from services.live.queries import LiveQueries
from tests.support.statements import Statements
from tests.support.waiting import PATIENCE, until

Writer: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect: TypeAlias = Callable[[], Awaitable[Writer]]

ADMINISTRATOR = Viewer(0, is_admin=True)
_NUMBERS = itertools.count(1)


@pytest.fixture
async def connect(database_url: str) -> AsyncIterator[Connect]:
    """Opens a further connection to the test's database."""
    async with AsyncExitStack() as stack:

        async def opened() -> Writer:
            connection: Writer = await asyncpg.connect(database_url)
            stack.push_async_callback(connection.close)
            return connection

        yield opened


@pytest.fixture
async def writer(connect: Connect) -> Writer:
    """One such connection."""
    return await connect()


@pytest.fixture
async def owner_id(writer: Writer) -> int:
    """Who owns the project."""
    return await add_user(writer)


@pytest.fixture
async def project_id(writer: Writer, owner_id: int) -> UUID:
    """A project of a person's own."""
    return await add_project(writer, owner_id)


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[Feed]:
    """The feed of one process."""
    async with Wakeup("memory://") as wakeup, Feed(database, wakeup, b"secret") as opened:
        yield opened


async def add_user(connection: Writer) -> int:
    """A new person."""
    user: int = await connection.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ($1, 'x') RETURNING id",
        f"person_{next(_NUMBERS)}",
    )
    return user


async def add_project(connection: Writer, owner_id: int) -> UUID:
    """A new project, which only its owner sees."""
    project: UUID = await connection.fetchval(
        "INSERT INTO projects (name, owner_id) VALUES ('alpha', $1) RETURNING project_id", owner_id
    )
    return project


async def add_instance(
    connection: Writer, project_id: UUID, status: str = "IDLE", parent: UUID | None = None
) -> UUID:
    """A new instance of the project."""
    instance: UUID = await connection.fetchval(
        "INSERT INTO cc_instances (project_id, name, type, status, parent_instance_id)"
        " VALUES ($1, $2, 'PARENT', $3, $4) RETURNING id",
        project_id,
        f"instance {next(_NUMBERS)}",
        status,
        parent,
    )
    return instance


async def set_status(connection: Writer, instance: UUID, status: str) -> None:
    """Change an instance's status by plain SQL."""
    await connection.execute("UPDATE cc_instances SET status = $2 WHERE id = $1", instance, status)


class KeysAndStatuses:
    """Renders an event as its row's key and status; counts how often it was asked to."""

    def __init__(self, *, by_viewer: bool = False) -> None:
        self.rendered: list[int] = []
        self._by_viewer = by_viewer

    def group(self, viewer: Viewer) -> Hashable:
        """All viewers alike, unless the renderer is to tell them apart."""
        return viewer if self._by_viewer else None

    async def warm_up(self, acquire: Acquire, viewer: Viewer) -> None:
        """There is nothing to load."""

    async def render(self, acquire: Acquire, wanted: Sequence[tuple[PositionedEvent, Viewer]]) -> list[str]:
        """A JSON array for each event."""
        self.rendered.append(len(wanted))
        return [
            json.dumps([found.event.key, (found.event.new or found.event.old or {}).get("status")])
            for found, _ in wanted
        ]


def about(key: Hashable = "statuses", renderer: KeysAndStatuses | None = None, **filters: Any) -> Topic:
    """A topic about the instances that the filters let through."""
    filters.setdefault("tables", frozenset({"cc_instances"}))
    return Topic(key, Filter(**filters), renderer or KeysAndStatuses())


class Listening:
    """A subscriber as a connection would be: takes what comes."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()
        self.feed: Feed | None = None
        self.subscription: Opened | None = None
        self.cursors: list[str] = []

    async def begin(
        self,
        feed: Feed,
        topic: Topic,
        viewer: Viewer = ADMINISTRATOR,
        after: str | None = None,
        capacity: Capacity | None = None,
    ) -> "Listening":
        """Subscribe."""
        self.feed = feed
        self.subscription = await feed.subscribe(
            topic, viewer, self._ready.set, after=after, capacity=capacity
        )
        return self

    def wake(self) -> None:
        """Called by the feed."""
        self._ready.set()

    async def next(self, seconds: float = PATIENCE) -> list[Any]:
        """The next event, or TimeoutError."""
        assert self.subscription is not None
        async with asyncio.timeout(seconds):
            while True:
                delivery = self.subscription.subscriber.take()
                if delivery is not None:
                    self.cursors.append(delivery.cursor or "")
                    event: list[Any] = json.loads(delivery.payload)
                    return event
                assert self.subscription.subscriber.error is None
                self._ready.clear()
                await self._ready.wait()

    async def several(self, count: int) -> list[list[Any]]:
        """The next `count` events."""
        return [await self.next() for _ in range(count)]

    async def silent(self, seconds: float | None = None) -> bool:
        """True when nothing comes of what was committed until now; or for so many seconds."""
        if seconds is None and self.feed is not None and self.subscription is not None:
            await settled(self.feed)
            assert self.subscription.subscriber.error is None
            return self.subscription.subscriber.take() is None
        try:
            await self.next(0.4 if seconds is None else seconds)
        except TimeoutError:
            return True
        return False

    async def ended(self) -> Exception | None:
        """Wait for the end of the subscription; the error that it ended with."""
        assert self.subscription is not None
        subscriber = self.subscription.subscriber
        async with asyncio.timeout(PATIENCE):
            while not subscriber.ended:
                self._ready.clear()
                await self._ready.wait()
        return subscriber.error

    async def until_ended(self) -> tuple[list[Any], Exception | None]:
        """All events that still come, and the error that the subscription ended with."""
        assert self.subscription is not None
        subscriber = self.subscription.subscriber
        events: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while True:
                self._ready.clear()
                while delivery := subscriber.take():
                    events.append(json.loads(delivery.payload))
                if subscriber.ended:
                    return events, subscriber.error
                await self._ready.wait()

    def close(self) -> None:
        """Unsubscribe."""
        assert self.subscription is not None
        self.subscription.close()


async def settled(feed: Feed) -> None:
    """Until the feed has read what was committed before, and has brought it to all who take."""
    number: int = await feed._pool.fetchval("SELECT pg_current_xact_id()::text::bigint")

    def is_read(reader: Reader) -> bool:
        return not reader._followers or (reader.position.xmax > number and reader._undelivered is None)

    await until(lambda: is_read(feed._changes) and is_read(feed._logs) and not feed._tasks)


Open: TypeAlias = Callable[..., Awaitable[Listening]]

API = Api(*build_schema())


async def prepared_subscription(
    api: Api, request: OperationRequest, context: Context
) -> PreparedSubscription:
    """What transports open. Raises why the request is refused."""
    prepared = await api.prepare(request, context)
    if isinstance(prepared, Refused):
        raise prepared.error
    assert isinstance(prepared, PreparedSubscription)
    return prepared


@pytest.fixture
def subscribe(feed: Feed, database: Database, owner_id: int) -> Open:
    """Opens a subscription of the project's owner, or of another person, as a transport does."""
    live = LiveQueries(feed, places=2)
    subscriptions = Subscriptions(API, feed, live, lambda notification: None, Allowance(100))

    async def opened(query: str, person: int = owner_id, **variables: Any) -> Listening:
        listening = Listening()
        listening.feed = feed
        context = Context(
            database, Origin(), TokenPolicy("secret" * 6), Principal(person, "person", is_admin=False)
        )
        request = OperationRequest(query, {name: str(value) for name, value in variables.items()})
        prepared = await prepared_subscription(API, request, context)
        listening.subscription = await subscriptions.open(prepared, context, listening.wake)
        return listening

    return opened


async def until_unread(statements: Statements, table: str) -> None:
    """Wait for so long a time without a statement about the table that a reader would have read in it."""

    async def unread() -> bool:
        statements.clear()
        await asyncio.sleep(3 * Pace().anyway)
        return not any(table in statement for statement in statements)

    await until(unread)


async def heard(listening: Listening) -> Any:
    """The event in the next response."""
    response: Any = await listening.next()
    [event] = response["data"].values()
    return event
