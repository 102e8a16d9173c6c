"""Claude Code that waits for the answer to a permission from here, until there is one or its time is over.

That a request is held is a column of it, so an answer that is given at any process finds it. One side task
looks for all who wait in this process, in one statement; it is woken as the feed is, and looks by itself from
time to time, so that a lost wake-up costs delay and nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from models.enums import PermissionDecision
from models.policy import MEMBER
from services.core.background import Running
from services.core.database import Database
from services.core.database_errors import is_transient
from services.core.retry import retry
from services.feed.wakeup import WakeupEvent
from services.writing.action import Action

log = structlog.get_logger(__name__)

MOST_WAITS: Final = 500
"""Requests that are held at a time in one process."""

MOST_WAITS_OF_A_PERSON: Final = 50
"""Those of them whose sessions one person runs."""

APPEARS_WITHIN: Final = 2.0
"""Seconds until what was received has become a request; the terminal asks when it has not."""

_SHORTEST_GAP: Final = 0.02
"""Seconds between two looks, however often the task is woken."""

_HOLDING: Final = f"""
SELECT EXISTS (SELECT FROM projects WHERE hold_permission_requests AND status <> 'archived'
               AND {MEMBER.format(row="projects", viewer="$1::int")})
"""

_LOOK: Final = """
SELECT request.id, request.decision, request.message, request.answered_by,
       request.held_until IS NOT NULL AS is_held,
       project.hold_permission_requests AND project.status <> 'archived' AS holds
FROM cc_permission_requests AS request
JOIN cc_instances AS instance ON instance.id = request.cc_instance_id
LEFT JOIN projects AS project ON project.project_id = instance.project_id
WHERE request.id = ANY($1::uuid[])
"""

_HOLD: Final = """
UPDATE cc_permission_requests SET held_until = now() + $3::interval
WHERE id = $1 AND user_id = $2 AND decision IS NULL
RETURNING id
"""

# An answer that is being given goes first: this waits for the row, and then leaves it as it is.
_TAKE_BACK: Final = """
UPDATE cc_permission_requests SET held_until = NULL
WHERE id = ANY($1::uuid[]) AND decision IS NULL AND held_until IS NOT NULL
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """A person's answer: ALLOW or DENY, and what Claude is told with it, secrets masked."""

    decision: PermissionDecision
    message: str | None = None


class _Waiter:
    """One who waits; both futures give the row of the request, and None when the server stops."""

    def __init__(self, person: int) -> None:
        loop = asyncio.get_running_loop()
        self.person = person
        self.found: asyncio.Future[asyncpg.Record | None] = loop.create_future()
        self.ended: asyncio.Future[asyncpg.Record | None] = loop.create_future()
        self._was_held = False

    def see(self, row: asyncpg.Record) -> None:
        """Take the row as it is now."""
        if not self.found.done():
            self.found.set_result(row)
        # A row that was read before it was held is not one whose hold was taken back.
        self._was_held = self._was_held or row["is_held"]
        over = row["decision"] is not None or (self._was_held and not row["is_held"])
        if over and not self.ended.done():
            self.ended.set_result(row)

    def stop(self) -> None:
        """End the waiting without an answer."""
        for future in (self.found, self.ended):
            if not future.done():
                future.set_result(None)


class PermissionWaits(Running):
    """The requests that wait in this process; the side task is `permission-waits`.

    A request is held for `seconds`; with 0 none is. `poll` is in seconds: so often is looked unasked.
    """

    def __init__(
        self, database: Database, wakeup: WakeupEvent, seconds: float, *, poll: float = 0.25
    ) -> None:
        self._database = database
        self._wakeup = wakeup
        self._seconds = seconds
        self._poll = poll
        self._waiting: dict[UUID, set[_Waiter]] = {}
        self._people: Counter[int] = Counter()
        self._abandoned: set[UUID] = set()
        self._needed = asyncio.Event()
        self._stopped = False

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self.supervisor.running(self._look, "permission-waits"):
            try:
                yield
            finally:
                self.stop()

    @property
    def waiting(self) -> int:
        """The number of callers that wait."""
        return self._people.total()

    def stop(self) -> None:
        """End every wait without an answer, and let none begin: the server stops."""
        self._stopped = True
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.stop()

    async def wait_for_answer(
        self, action: Action, *request_ids: UUID, held: Callable[[], None] = lambda: None
    ) -> GivenAnswer | None:
        """The answer that a person gives to a request of a session that the caller runs.

        `held` is called as soon as the request can be answered.

        The request has one of `request_ids`, and may be stored a moment after this was called. None says that
        the terminal is to ask: at once where no project of the caller holds requests or too many wait
        already; when it was not answered in time; when the terminal was answered, the instance has ended, or
        the server stops; and while the database is away. When the call is cancelled, the request is not held
        any longer.
        """
        if not self._seconds or self._stopped:
            return None
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            return await self._answer_by(deadline, action, request_ids, held)
        except TimeoutError:
            return None
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("permission_not_held", error=type(error).__qualname__)
            return None

    async def _answer_by(
        self, deadline: float, action: Action, request_ids: Sequence[UUID], held: Callable[[], None]
    ) -> GivenAnswer | None:
        person = action.principal.user_id
        # Of most people no project holds anything: their Claude Code is not kept waiting for the rest.
        if not (await action.note(_HOLDING, person))[0][0] or self._is_full(person):
            return None
        with self._entered(request_ids, person) as waiter:
            self._wake()
            async with asyncio.timeout(APPEARS_WITHIN):
                found = await waiter.found
            if found is None or not found["holds"]:
                return None
            if found["decision"] is not None:
                return _answer(found)
            return await self._held(deadline, action, found["id"], waiter, held)

    async def _held(
        self,
        deadline: float,
        action: Action,
        request_id: UUID,
        waiter: _Waiter,
        held: Callable[[], None],
    ) -> GivenAnswer | None:
        """Hold the request, and take the hold back at the end."""
        person = action.principal.user_id
        left = timedelta(seconds=max(0.0, deadline - asyncio.get_running_loop().time()))
        try:
            if not await action.note(_HOLD, request_id, person, left):
                return None
            action.database.after_commit()
            held()
            ended = await _until(deadline, waiter)
            return _answer(ended) if ended is not None else await self._taken_back(request_id)
        except BaseException:
            # By the side task, for this one is cancelled, or the database is away.
            self._abandoned.add(request_id)
            self._wake()
            raise

    async def _taken_back(self, request_id: UUID) -> GivenAnswer | None:
        """End the hold; an answer that came before that is given."""
        async with self._database.autocommit.acquire() as connection:
            taken_back = await connection.fetch(_TAKE_BACK, [request_id])
            rows = await connection.fetch(_LOOK, [request_id])
        if taken_back:
            self._database.after_commit()
        return _answer(rows[0]) if rows else None

    def _is_full(self, person: int) -> bool:
        full = self.waiting >= MOST_WAITS or self._people[person] >= MOST_WAITS_OF_A_PERSON
        if full:
            log.warning("permission_not_held", error="too many wait", user=person)
        return full

    @contextmanager
    def _entered(self, request_ids: Sequence[UUID], person: int) -> Iterator[_Waiter]:
        waiter = _Waiter(person)
        for request_id in request_ids:
            self._waiting.setdefault(request_id, set()).add(waiter)
        self._people[person] += 1
        try:
            yield waiter
        finally:
            for request_id in request_ids:
                self._waiting[request_id].discard(waiter)
                if not self._waiting[request_id]:
                    del self._waiting[request_id]
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]

    def _wake(self) -> None:
        self._needed.set()
        self._wakeup.set()

    async def _look(self) -> None:
        """Tell those who wait what became of their requests, for ever; rest while none waits."""
        while True:
            if self._waiting or self._abandoned:
                await self._wakeup.wait(self._poll)
            else:
                self._needed.clear()
                await self._needed.wait()
            await retry(self._look_once, "permission_requests_not_read", helps=is_transient)
            await asyncio.sleep(_SHORTEST_GAP)

    async def _look_once(self) -> None:
        abandoned, waiting = list(self._abandoned), list(self._waiting)
        async with self._database.autocommit.acquire() as connection:
            taken_back = await connection.fetch(_TAKE_BACK, abandoned) if abandoned else []
            rows = await connection.fetch(_LOOK, waiting) if waiting else []
        self._abandoned.difference_update(abandoned)
        if taken_back:
            self._database.after_commit()
        for row in rows:
            for waiter in tuple(self._waiting.get(row["id"], ())):
                waiter.see(row)


async def _until(deadline: float, waiter: _Waiter) -> asyncpg.Record | None:
    """The row of a request that ended; None when its time is over, or the server stops."""
    try:
        async with asyncio.timeout_at(deadline):
            return await waiter.ended
    except TimeoutError:
        return None


def _answer(row: asyncpg.Record) -> GivenAnswer | None:
    """The answer of a person; None where none answered from here."""
    if row["decision"] is None or row["answered_by"] is None:
        return None
    decision = PermissionDecision(row["decision"])
    return None if decision is PermissionDecision.LAPSED else GivenAnswer(decision, row["message"])
