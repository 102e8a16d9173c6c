"""Picks the server that a query is read from: a replica that has what its reader wrote, or the primary.

A write is noted when it is done, which costs nothing. A side task then asks the primary how far its log is,
once for all who wrote since it asked before, and the replicas how far they have replayed it. Until both are
known a person who wrote reads from the primary; nothing waits, and no clock of a server is compared.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import structlog

from services.core.database import ReadConnection, ReadPool
from services.core.database_errors import driver_error, is_away
from services.core.retry import Backoff, retry

log = structlog.get_logger(__name__)

QUIET, BUSY = 0.5, 0.02
"""Seconds between two questions to a server: where no reader waits for the answer, and where one does."""
CHECK_TIMEOUT = 1.0
"""Seconds for a server to say how far it is; a replica that takes longer is left out."""
LONGEST_WAIT = 0.2
"""Seconds that a heavy query waits for a replica that is about to have what its reader wrote."""
MOST_WRITERS = 10_000
"""People of whom it is remembered what they wrote; of more, a replica has to have what all wrote."""
_SAMPLES = 1_000
_SAMPLE_EVERY = 0.25
_RECONNECT = Backoff(first=0.2, longest=5.0)
EVERYONE: Final = 0
"""Stands for all people among those who wrote."""

_PLACE = "(SELECT max(number) FROM feed_starts) AS start, (SELECT epoch FROM feed_state) AS epoch"
PRIMARY_PLACE = f"SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS position, {_PLACE}"
REPLICA_PLACE = f"""
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END
  - '0/0')::bigint AS position, {_PLACE}
"""

Result = TypeVar("Result")
Connect: TypeAlias = Callable[[], Awaitable[ReadConnection]]


class ReplicaPool(ReadPool, Protocol):
    """Connections to one replica."""

    @property
    def in_use(self) -> int:
        """The number of statements that run on this server."""

    def drop(self) -> None:
        """End all connections at once; new ones are opened as they are needed."""


class ReplicaState(StrEnum):
    """The state of a replica: only one that follows is asked."""

    FOLLOWING = "following"
    LAGGING = "lagging"
    DIVERGED = "diverged"
    """It is of another database, or of a time that the primary has not seen."""
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """`name` is host and port; `lag` is in seconds, None where it is not known."""

    name: str
    state: ReplicaState
    lag: float | None


@dataclass(frozen=True, slots=True)
class _Place:
    """A server's progress: the position in its log in bytes, the last start, and which database it is."""

    position: int
    start: int | None
    epoch: UUID


class Server:
    """One server, asked over a connection of its own."""

    def __init__(self, name: str, connect: Connect) -> None:
        self.name = name
        self._connect = connect
        self._connection: ReadConnection | None = None

    async def ask(self, statement: str) -> _Place:
        """The place that the replica has reached in the log.

        Raises: TimeoutError, and what the driver does.
        """
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                if self._connection is None:
                    self._connection = await self._connect()
                row = await self._connection.fetchrow(statement)
        except BaseException:
            self.leave()
            raise
        if row is None or row["position"] is None:
            raise asyncpg.CannotConnectNowError("it has replayed nothing yet")
        return _Place(row["position"], row["start"], row["epoch"])

    def leave(self) -> None:
        """Give the connection up."""
        held, self._connection = self._connection, None
        if held is not None:
            held.terminate()


class Replica(Server):
    """A replica, and what is known of it."""

    def __init__(self, name: str, connect: Connect, pool: ReplicaPool) -> None:
        super().__init__(name, connect)
        self.pool = pool
        self.state = ReplicaState.AWAY
        self.position = -1
        self.lag: float | None = None
        self.due = asyncio.Event()
        self.readers: set[asyncio.Timeout] = set()

    def leave_out(self, state: ReplicaState) -> None:
        """Ask it nothing; where it is away, those who read from it go to the primary at once."""
        if self.state is not state:
            log.warning("replica_left_out", replica=self.name, state=str(state), lag=self.lag)
        self.state = state
        if state is ReplicaState.AWAY:
            self.lag = None
            now = asyncio.get_running_loop().time()
            for reader in self.readers:
                with suppress(RuntimeError):  # it has just ended
                    reader.reschedule(now)
            self.pool.drop()

    def take_back(self) -> None:
        """Ask it again."""
        if self.state is not ReplicaState.FOLLOWING:
            log.info("replica_taken_back", replica=self.name)
        self.state = ReplicaState.FOLLOWING


class Replicas:
    """The replicas of one primary. `longest_lag` is in seconds; one that lags more is left out.

    Until `run` works, and where it knows nothing, all queries go to the primary.
    """

    def __init__(
        self, primary: Server, pool: ReadPool, replicas: Sequence[Replica], longest_lag: float
    ) -> None:
        self._primary = primary
        self._pool = pool
        self._replicas = replicas
        self._longest_lag = longest_lag
        self._place: _Place | None = None
        self._samples: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        self._due = asyncio.Event()
        self._advanced = asyncio.Event()
        self._noted: set[int] = set()
        self._asking: set[int] = set()
        self._written: dict[int, int] = {}
        self._everyone = 0
        self._next: asyncio.Future[int | None] | None = None

    def status(self) -> list[ReplicaStatus]:
        """The state of each replica, as far as it is known."""
        return [ReplicaStatus(replica.name, replica.state, replica.lag) for replica in self._replicas]

    def note_write(self, person: int) -> None:
        """This person may have written; call it when the write is done, before the person is told."""
        self._noted.add(person if len(self._noted) < MOST_WRITERS else EVERYONE)
        self._due.set()

    def note_position(self, person: int, position: int) -> None:
        """This person knows of what the primary wrote up to a position of its log."""
        if position > self._everyone:
            self._written[person] = max(position, self._written.get(person, 0))

    def chosen(self, person: int) -> Replica | None:
        """The replica with the least to do of those that have what this person wrote; None is the primary."""
        for waiting in (self._noted, self._asking):
            if person in waiting or EVERYONE in waiting:
                return None
        needed = max(self._written.get(person, 0), self._everyone)
        able = [
            replica
            for replica in self._replicas
            if replica.state is ReplicaState.FOLLOWING and replica.position >= needed
        ]
        return min(able, key=lambda replica: replica.pool.in_use) if able else None

    async def read(
        self,
        person: int,
        work: Callable[[ReadPool], Awaitable[Result]],
        *,
        heavy: bool = False,
    ) -> Result:
        """Read for a person; what a replica fails at is repeated once on the primary.

        `work` changes nothing. One that is `heavy` waits up to LONGEST_WAIT seconds for a replica that has
        what the person wrote.
        """
        replica = self.chosen(person)
        if replica is None and heavy:
            replica = await self._soon(person)
        if replica is None:
            return await work(self._pool)
        try:
            async with asyncio.timeout(None) as clock:
                replica.readers.add(clock)
                try:
                    return await work(replica.pool)
                finally:
                    replica.readers.discard(clock)
        except Exception as error:
            if not _may_succeed_elsewhere(error):
                raise
            log.info("query_repeated_on_primary", replica=replica.name, error=type(error).__qualname__)
            replica.due.set()
        return await work(self._pool)

    async def position(self) -> int | None:
        """The position that the primary's log has reached at least: earlier writes lie below.

        None while the primary is away.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        self._due.set()
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                return await asyncio.shield(self._next)
        except TimeoutError:
            return None

    async def run(self) -> None:
        """Ask the servers for their positions, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_primary(), name="position of the primary")
                for replica in self._replicas:
                    group.create_task(self._follow(replica), name=f"position of {replica.name}")
        finally:
            for server in (self._primary, *self._replicas):
                server.leave()

    async def _follow_primary(self) -> None:
        while True:
            self._due.clear()
            self._asking |= self._noted
            self._noted = set()
            told, self._next = self._next, None
            place = None
            try:
                place = await self._primary.ask(PRIMARY_PLACE)
            except Exception as error:
                # Those who wrote read from the primary; so it is asked again without haste.
                log.debug("primary_not_asked", error=type(error).__qualname__)
                await asyncio.sleep(QUIET)
                continue
            finally:
                if told is not None and not told.done():
                    told.set_result(None if place is None else place.position)
            self._note_place(place)
            await _rest(self._due)

    def _note_place(self, place: _Place) -> None:
        now = asyncio.get_running_loop().time()
        known, self._place = self._place, place
        if known is not None and (place.start, place.epoch) != (known.start, known.epoch):
            # The log of another server, perhaps shorter. A replica with this start has all that it kept.
            self._samples.clear()
            self._written.clear()
            self._everyone = 0
            for replica in self._replicas:
                replica.position = -1  # until it says that it has this start
                replica.due.set()
        if not self._samples or (
            place.position != self._samples[-1][1] and now - self._samples[-1][0] >= _SAMPLE_EVERY
        ):
            self._samples.append((now, place.position))
        if EVERYONE in self._asking or len(self._written) + len(self._asking) > MOST_WRITERS:
            self._everyone = place.position
            self._written.clear()
        else:
            for person in self._asking:
                self._written[person] = place.position
        self._asking = set()
        self._hurry()

    def _hurry(self) -> None:
        """Ask those replicas soon of which it matters whether they have what was written."""
        newest = max(self._written.values(), default=self._everyone)
        if self._place is not None:  # a position that a client sends can be any number
            newest = min(newest, self._place.position)
        for replica in self._replicas:
            if replica.state is ReplicaState.FOLLOWING and replica.position < newest:
                replica.due.set()

    async def _follow(self, replica: Replica) -> None:
        async def ask() -> _Place:
            replica.due.clear()
            return await replica.ask(REPLICA_PLACE)

        def leave_out(error: Exception) -> None:
            log.debug("replica_not_asked", replica=replica.name, error=type(error).__qualname__)
            replica.leave_out(ReplicaState.AWAY)

        while True:
            place = await retry(
                ask, "replica_not_asked", helps=lambda _: True, backoff=_RECONNECT, tell=leave_out
            )
            self._judge(replica, place)
            await _rest(replica.due)

    def _judge(self, replica: Replica, place: _Place) -> None:
        now = asyncio.get_running_loop().time()
        replica.position = place.position
        primary = self._place
        if primary is None:  # not known yet
            replica.due.set()
            return
        replica.lag = next((now - at for at, position in self._samples if position > place.position), 0.0)
        if (place.start, place.epoch) != (primary.start, primary.epoch):
            replica.leave_out(ReplicaState.DIVERGED)
        elif replica.lag > self._longest_lag:
            replica.leave_out(ReplicaState.LAGGING)
        else:
            replica.take_back()
        self._forget()
        self._advanced.set()
        self._advanced = asyncio.Event()
        self._hurry()

    def _forget(self) -> None:
        """Forget who wrote what all replicas in use have."""
        used = [replica for replica in self._replicas if replica.state is ReplicaState.FOLLOWING]
        if not used or not self._written:
            return
        reached = min(replica.position for replica in used)
        old = [person for person, position in self._written.items() if position <= reached]
        for person in old:
            # One that is taken back later has to have it as well.
            self._everyone = max(self._everyone, self._written.pop(person))

    async def _soon(self, person: int) -> Replica | None:
        if all(replica.state is not ReplicaState.FOLLOWING for replica in self._replicas):
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                while (replica := self.chosen(person)) is None:
                    await self._advanced.wait()
                return replica
        return None


async def _rest(due: asyncio.Event) -> None:
    """Wait until it is time to ask a server again."""
    await asyncio.sleep(BUSY)
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET - BUSY):
            await due.wait()


def _may_succeed_elsewhere(error: Exception) -> bool:
    """True if the replica is at fault: it is away, or has stopped the statement to go on replaying."""
    return is_away(error) or isinstance(driver_error(error), asyncpg.TransactionRollbackError)
