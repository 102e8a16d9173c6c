"""The brokers that carry wake-ups between processes, supervised: a lost connection is made again.

broadcaster's own PostgreSQL backend does not notice that its connection is gone, and the task that listens
for its Redis backend ends with the first lost connection. These keep a connection up as long as there is a
subscribed, and report an event after each new one, since something may have been missed meanwhile.
"""

import asyncio
from abc import abstractmethod
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from broadcaster import BroadcastBackend, Event
from redis import asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.core.connecting import connect
from services.core.database import Connection
from services.core.database_errors import is_away
from services.core.retry import Backoff, retry
from services.core.tcp_keepalive import BROKEN_AFTER, tcp_options

_CONNECT_AGAIN = Backoff(first=0.1, longest=5.0)
_CONNECT_TIMEOUT = 5.0
_PROBE_EVERY = 5.0
_PROBE_TIMEOUT = 2.0
"""Seconds of silence after which a connection is tried, and for the answer: a cut network, or a broker that
hangs, gives no other sign."""


def backend_for(url: str) -> "QueueBackend":
    """The backend for a BROADCAST_URL. Raises: ValueError with the schemes that there are."""
    match urlsplit(url).scheme:
        case "memory":
            return MemoryBackend(url)
        case "postgres" | "postgresql":
            return PostgresBackend(url)
        case "redis" | "rediss":
            return RedisBackend(url)
        case other:
            raise ValueError(f"BROADCAST_URL begins with {other!r}: use memory://, postgres:// or redis://.")


def is_broker_away(error: Exception) -> bool:
    """True when the broker cannot be reached, or refuses us for now: trying again may help."""
    return is_away(error) or isinstance(error, (asyncpg.PostgresError, redis.RedisError))


class QueueBackend(BroadcastBackend):
    """Base of all backends: events wait in a queue until broadcaster takes them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def connect(self) -> None:
        """Do nothing: `SupervisedBackend.run` connects."""

    async def disconnect(self) -> None:
        """Do nothing: broadcaster may connect again, and `close` is for the end."""

    async def close(self) -> None:
        """Give up what is open, for good."""

    async def next_published(self) -> Event:
        """The next event, whichever process it came from."""
        return await self._events.get()

    def report(self, channel: str) -> None:
        """Put an event on `channel`, unless one waits already: they all say the same."""
        if self._events.empty():
            self._events.put_nowait(Event(channel, ""))


class MemoryBackend(QueueBackend):
    """A backend for a single process, whose readers are woken without a broker."""

    async def subscribe(self, group: str) -> None:
        """Do nothing: no other process publishes."""

    async def unsubscribe(self, group: str) -> None:
        """Do nothing: no other process publishes."""

    async def publish(self, channel: str, message: Any) -> None:
        """Do nothing: there are no other processes."""


class SupervisedBackend(QueueBackend):
    """Keeps a connection up for one channel while `run` runs; subclasses say what a connection is.

    A broker that is away does not keep the server from starting.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._name = uuid4().hex
        self._channel = ""
        self._subscribed = asyncio.Event()

    async def subscribe(self, group: str) -> None:
        """Let `run` connect for this channel."""
        self._channel = group
        self._subscribed.set()

    async def unsubscribe(self, group: str) -> None:
        """Do nothing: the connection stays for the next subscriber, until `run` ends."""

    async def run(self) -> None:
        """Hold a connection, and make it again when it is lost; for ever."""
        await self._subscribed.wait()
        await retry(
            partial(self._hold, self._channel),
            "wakeup_broker_away",
            helps=is_broker_away,
            backoff=_CONNECT_AGAIN,
        )

    def hear(self, channel: str, sender: str) -> None:
        """Report a wake-up that came over the connection; a process knows already of its own."""
        if sender != self._name:
            self.report(channel)

    @abstractmethod
    async def _hold(self, channel: str) -> None:
        """Connect, listen, report an event, and raise when the connection is gone."""


class PostgresBackend(SupervisedBackend):
    """LISTEN and NOTIFY on a connection of its own."""

    _connection: "Connection | None" = None

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._busy = asyncio.Lock()

    async def publish(self, channel: str, message: Any) -> None:
        """NOTIFY outside any transaction of the product's: it holds a database-wide lock while it commits."""
        connection = self._connection
        if connection is None:
            raise ConnectionError("the connection for NOTIFY is down")
        async with self._busy:
            try:
                await connection.execute("SELECT pg_notify($1, $2)", channel, self._name)
            except BaseException:
                connection.terminate()  # it does not answer in time, or is gone already: the next one may
                raise

    async def _hold(self, channel: str) -> None:
        connection = await connect(
            self._url, within=_CONNECT_TIMEOUT, settings={"application_name": "ccgraph listen"}
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(channel, lambda *said: self.hear(channel, str(said[-1])))
            self._connection = connection
            self.report(channel)
            while True:
                await self._probe(connection, lost)
        finally:
            self._connection = None
            connection.terminate()

    async def _probe(self, connection: Connection, lost: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(_PROBE_EVERY):
                await lost.wait()
        except TimeoutError:
            async with self._busy:
                await connection.execute("SELECT", timeout=_PROBE_TIMEOUT)
        else:
            raise ConnectionError("the server closed the connection for LISTEN")


class RedisBackend(SupervisedBackend):
    """Publish and subscribe of Redis."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        # No retry of the client's own: it would subscribe again without a word of what was missed meanwhile.
        self._client = redis.Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=_CONNECT_TIMEOUT,
            socket_timeout=_CONNECT_TIMEOUT,
            socket_keepalive=True,
            socket_keepalive_options=tcp_options(BROKEN_AFTER),
        )

    async def close(self) -> None:
        """Close the pool that publishes."""
        await self._client.aclose()

    async def publish(self, channel: str, message: Any) -> None:
        """PUBLISH on a pooled connection."""
        await self._client.publish(channel, self._name)

    async def _hold(self, channel: str) -> None:
        async with self._client.pubsub() as subscription:
            await subscription.subscribe(channel)
            self.report(channel)
            silence = _PROBE_EVERY
            while True:
                message = await subscription.get_message(timeout=silence)
                if message is not None:
                    silence = _PROBE_EVERY
                    if message["type"] == "message":
                        self.hear(channel, message["data"].decode())
                elif silence == _PROBE_TIMEOUT:
                    raise ConnectionError("Redis does not answer")
                else:
                    silence = _PROBE_TIMEOUT
                    await subscription.ping()
