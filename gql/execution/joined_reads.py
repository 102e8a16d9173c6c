"""Reads of one person that come at the same moment and differ in their parameters alone share a statement."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from gql.execution.runner import run, run_joined
from gql.planner.joining import JoinedPlan, join
from gql.planner.plan import Plan
from gql.planner.table_dependencies import is_heavy
from services.core.cache import BoundedCache
from services.core.database import Database, ReadPool
from services.core.fair_shares import FairShares, Place

MOST_STATEMENTS = 1_000
"""Statements of which it is known how long they take."""

MOST_JOINED = 8
"""Reads of one statement."""

LONGER = 0.01
"""Seconds that several reads may take longer than one: the first waits as long as the last."""

LONGEST = 1.0
"""Seconds after which a statement for several reads is given up: one of them may take much longer than the
others, which are not to wait for it."""

SLOW = 0.1
"""Seconds of a read from which on it is not worth while to save it its way to PostgreSQL and back."""

QUICK = 0.001
"""Seconds of a read of which that way is a good part: FEW such statements of a person run at a time."""

FEW = 2

FIRST_RUNS = 10
"""Reads by themselves before others are joined: PostgreSQL plans a joined statement on each connection.

Also the reads of which the average is taken.
"""

Texts = Sequence[str | None]
Result = TypeVar("Result")


@dataclass(slots=True)
class Pace:
    """The pace of a statement: the seconds that a read took lately, and the number that is read together.

    One more each time that several reads take little longer than one; half of them when they take longer.
    """

    joined: JoinedPlan | None
    reads: int = 0
    seconds: float = 0.0
    together: int = 2

    @property
    def most(self) -> int:
        """Reads that a statement may answer."""
        if self.joined is None or self.reads < FIRST_RUNS or self.seconds > SLOW:
            return 1
        return self.together

    def note(self, seconds: float, reads: int) -> None:
        """Learn from a statement that answered so many reads."""
        if reads == 1:
            self.reads += 1
            self.seconds += (seconds - self.seconds) / min(self.reads, FIRST_RUNS)
        elif seconds > self.seconds + LONGER:
            self.together = max(2, reads // 2)
        elif reads == self.together < MOST_JOINED:
            self.together += 1

    def refuse(self) -> None:
        """Learn from a statement for several reads that failed: for a while each is by itself again."""
        self.reads, self.together = 0, 2


@dataclass(slots=True, eq=False)
class _Asker:
    """A read that waits in the line for a place, or for another read that is about to run the statement.

    `answer` is there once another read's statement asks for it, too.
    """

    parameters: Sequence[object]
    place: Place | None = None
    answer: "asyncio.Future[Texts | None] | None" = None

    def join(self) -> "asyncio.Future[Texts | None]":
        """Leave the line, and get the answer from another's statement: None where that failed."""
        self.answer = asyncio.get_running_loop().create_future()
        if self.place is not None:
            self.place.do_without()
        return self.answer

    def give(self, texts: Texts | None) -> None:
        """Answer a read that has joined."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(texts)


@dataclass(slots=True)
class _Group:
    """Reads of one person by one statement: those in the line, and those with the one who is to run it."""

    plan: Plan
    pace: Pace
    database: Database
    person: int
    waiting: list[_Asker] = field(default_factory=list)
    joining: list[_Asker] | None = None

    async def join(self, joining: list[_Asker], parameters: Sequence[object]) -> Texts | None:
        """The texts from the statement that is about to run; None where it failed."""
        asker = _Asker(parameters)
        joining.append(asker)
        return await asker.join()

    async def wait(
        self, joined: JoinedPlan, line: FairShares, key: Hashable, parameters: Sequence[object]
    ) -> Texts | None:
        """The texts, after a wait for a place in the line or for another's statement; None where it failed.

        `joined` is the statement for several reads.

        Raises: what a statement of its own raises; RateLimited as the line, and as `database.reading`.
        """
        place = line.of(key)
        asker = _Asker(parameters, place)
        if not line.has_room(key):
            self.waiting.append(asker)
        try:
            async with place:
                if asker.answer is None:
                    return await self._lead(joined, asker)
            return await asker.answer
        finally:
            self._forget(asker)

    async def _lead(self, joined: JoinedPlan, leader: _Asker) -> Texts | None:
        """Read for the leader and for those who come along."""
        async with self.database.reading.of(self.person):
            self._forget(leader)
            others: list[_Asker] = []
            answers: Sequence[Texts] = ()
            try:
                await self._gather(others)
                if not others:
                    return await timed(self.plan, self.pace, self.database, self.person, leader.parameters)
                answers = await self._together(joined, [leader, *others])
                return answers[0]
            except Exception:
                if not others:
                    raise
                self.pace.refuse()
                return None
            finally:
                # Also when the leader is cancelled: they read by themselves then.
                for number, other in enumerate(others, 1):
                    other.give(answers[number] if answers else None)

    async def _gather(self, others: list[_Asker]) -> None:
        """Let those join who ask in this turn of the event loop, and take along from the line."""
        if self.joining is None:
            self.joining = others
            try:
                await asyncio.sleep(0)
            finally:
                self.joining = None
        room = max(self.pace.most - 1 - len(others), 0)
        for asker in [asker for asker in self.waiting if asker.place is not None and asker.place.waits][
            :room
        ]:
            self._forget(asker)
            asker.join()
            others.append(asker)

    async def _together(self, joined: JoinedPlan, askers: Sequence[_Asker]) -> Sequence[Texts]:
        began = time.perf_counter()
        asked = [asker.parameters for asker in askers]
        read = partial(run_joined, joined, asked=asked)
        async with asyncio.timeout(LONGEST):
            answers = await _on(self.database, self.person, self.plan, read)
        self.pace.note(time.perf_counter() - began, len(asked))
        return answers

    def _forget(self, asker: _Asker) -> None:
        if asker in self.waiting:
            self.waiting.remove(asker)


class JoinedReads:
    """Runs the statements of queries, one for several reads that come at the same moment.

    Of one person and text, those of the same turn of the event loop share a statement. The others wait in a
    line of their own for a place; the first to get one takes along those behind it. No read waits for
    another to come. What fails together is read again by each (decision 186). With `joins` False each read
    has a statement of its own.
    """

    def __init__(self, *, joins: bool = True) -> None:
        self._joins = joins
        self._paces: BoundedCache[str, Pace] = BoundedCache(MOST_STATEMENTS)
        self._groups: dict[Hashable, _Group] = {}
        self._lines: dict[int, FairShares] = {}

    async def read(self, plan: Plan, database: Database, person: int, parameters: Sequence[object]) -> Texts:
        """The texts of the plan's `keys` for these parameters.

        Raises: what the statement raises; RateLimited when too many reads of the person wait, or too long.
        """
        pace = self._paces.get(plan.sql)
        if pace is None:
            pace = self._paces[plan.sql] = Pace(join(plan) if self._joins else None)
        most = pace.most
        texts = None
        if pace.joined is not None and most > 1:
            key = (person, plan.sql)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(plan, pace, database, person)
            if group.joining is not None and len(group.joining) < most - 1:
                texts = await group.join(group.joining, parameters)
            else:
                line = self._line(database, FEW if pace.seconds < QUICK else database.reading.each)
                try:
                    texts = await group.wait(pace.joined, line, key, parameters)
                finally:
                    if not line.in_use(key):
                        self._groups.pop(key, None)
        if texts is not None:
            return texts
        async with database.reading.of(person):
            return await timed(plan, pace, database, person, parameters)

    def _line(self, database: Database, each: int) -> FairShares:
        line = self._lines.get(each)
        if line is None:
            shares = database.reading
            line = self._lines[each] = FairShares(
                each, most_waiting=shares.most_waiting, longest_wait=shares.longest_wait
            )
        return line


async def timed(
    plan: Plan, pace: Pace, database: Database, person: int, parameters: Sequence[object]
) -> Texts:
    """The texts by a statement of its own, in a place that the person has already; its time is noted."""
    began = time.perf_counter()
    texts = await _on(database, person, plan, partial(run, plan, parameters=parameters))
    pace.note(time.perf_counter() - began, 1)
    return texts


async def _on(
    database: Database, person: int, plan: Plan, read: Callable[[ReadPool], Awaitable[Result]]
) -> Result:
    if database.replicas is None:
        return await read(database.reader)
    return await database.replicas.read(person, read, heavy=is_heavy(plan.sql))
