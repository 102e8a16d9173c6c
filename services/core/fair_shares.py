"""Places for work, shared so that no person takes what all need.

A person has `each` places at most; what a person asks for beyond that waits. Without a total (`FairShares`)
no one waits for what another person does. Where there are so many in all, such as connections (`FairPlaces`),
the places are numbered, and the people who wait get them in turn.
"""

import asyncio
from asyncio import Future, TimerHandle
from collections import deque
from collections.abc import Hashable
from types import TracebackType

from services.core.errors import RateLimited

MOST_WAITING = 500
"""Statements of one person that wait for a place: each keeps its request in memory."""

PREFERRED_FOR = 0.015
"""Seconds that others may hold the preferred place; who waits for it then takes any that is free."""

_ANY = 0
"""The number of a place where they are all alike."""

_SEVERAL = object()
"""Stands for the people who share a piece of work."""


class FairShares:
    """`each` places for each person; who asks for more waits for their own, in the order in which they came.

    `most_waiting` of a person may wait, and no one longer than `longest_wait` seconds; None bounds neither. A
    place that is free costs a look into a dictionary.
    """

    def __init__(
        self, each: int, *, most_waiting: int | None = None, longest_wait: float | None = None
    ) -> None:
        self.each = each
        self.most_waiting = most_waiting
        self.longest_wait = longest_wait
        self._taken: dict[Hashable, int] = {}
        self._lines: dict[Hashable, deque[Future[int]]] = {}
        self._until: dict[Future[int], float] = {}
        self._timer: TimerHandle | None = None

    def of(self, person: Hashable, *, begun: bool = False) -> "Place":
        """A place of this person for the length of an `async with`; None has as many as are asked for.

        What has `begun`, and is to be finished, waits however many others do.
        """
        return Place(self, person, begun, None)

    def has_room(self, person: Hashable) -> bool:
        """True if this person gets a place at once."""
        return self._taken.get(person, 0) < self.each

    def in_use(self, person: Hashable) -> bool:
        """True if this person has a place, or waits for one."""
        return person in self._taken

    def waiting(self, person: Hashable) -> int:
        """The number of calls that wait for a place of this person."""
        return len(self._lines.get(person, ()))

    def take(self, person: Hashable, begun: bool = False, preferred: int | None = None) -> Future[int] | None:
        """A place that is free; or what gives its number when there is one, unless `leave` is called before.

        Raises: RateLimited when too many wait already.
        """
        if self.has_room(person):
            self._taken[person] = self._taken.get(person, 0) + 1
            return None
        return self._join(person, begun=begun)

    def leave(self, person: Hashable, turn: Future[int]) -> None:
        """Wait no longer."""
        line = self._lines.get(person)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._lines[person]

    def give_back(self, person: Hashable, number: int = _ANY) -> None:
        """Hand the place to the one of this person who has waited longest."""
        line = self._lines.get(person)
        while line:
            turn = line.popleft()
            if not line:
                del self._lines[person]
            if not turn.done():
                turn.set_result(number)
                return
        self._count_back(person)

    def __len__(self) -> int:
        """People who have a place now."""
        return len(self._taken)

    def limit(self, turn: Future[int]) -> None:
        """Let `turn` fail with RateLimited after `longest_wait`, unless `unlimit` is called before.

        All wait for the same time, so who began first gives up first, and one timer does for all.
        """
        if self.longest_wait is not None:
            loop = asyncio.get_running_loop()
            self._until[turn] = loop.time() + self.longest_wait
            if self._timer is None:
                self._timer = loop.call_later(self.longest_wait, self._give_up)

    def unlimit(self, turn: Future[int]) -> None:
        """Forget the bound of a wait that has ended."""
        self._until.pop(turn, None)
        if not self._until and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """End the waits whose time is over, and come again for the next one."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for turn, until in [*self._until.items()]:
            if until > loop.time():
                self._timer = loop.call_at(until, self._give_up)
                return
            del self._until[turn]
            if not turn.done():
                turn.set_exception(
                    RateLimited(
                        "Other requests of your account have kept this one waiting for "
                        f"{self.longest_wait:g} s; send fewer at a time, or lighter ones.",
                        retryAfter=1,
                    )
                )

    def _join(self, person: Hashable, *, begun: bool) -> Future[int]:
        line = self._lines.setdefault(person, deque())
        if self.most_waiting is not None and len(line) >= self.most_waiting and not begun:
            raise RateLimited(
                f"{len(line)} requests of your account are waiting already; "
                "wait for answers before you send more.",
                retryAfter=1,
            )
        turn: Future[int] = asyncio.get_running_loop().create_future()
        line.append(turn)
        return turn

    def _count_back(self, person: Hashable) -> None:
        left = self._taken[person] - 1
        if left:
            self._taken[person] = left
        else:
            del self._taken[person]


class FairPlaces(FairShares):
    """`total` places, numbered from 0, of which one person has `each` at most.

    People who wait are served in turn, and the requests of one person in the order in which they came, as far
    as their preferred places are free.
    """

    def __init__(
        self, total: int, each: int, *, most_waiting: int | None = None, longest_wait: float | None = None
    ) -> None:
        super().__init__(each, most_waiting=most_waiting, longest_wait=longest_wait)
        self._free = set(range(total))
        self._since = [0.0] * total
        self._preferred: dict[Future[int], int] = {}

    def of(self, person: Hashable, *, begun: bool = False, preferred: int | None = None) -> "Place":
        """A place for the length of an `async with`, whose number it gives; None is one more person.

        `preferred` is the number of the place that suits best.
        """
        return Place(self, _SEVERAL if person is None else person, begun, preferred)

    def take(self, person: Hashable, begun: bool = False, preferred: int | None = None) -> Future[int]:
        """A future of the number of a place, done at once where one is free.

        Raises: RateLimited when too many wait already.
        """
        turn = self._join(person, begun=begun)
        if preferred is not None:
            self._preferred[turn] = preferred
        self._grant()
        if preferred is not None and not turn.done():
            asyncio.get_running_loop().call_later(PREFERRED_FOR, self._look_again, turn)
        return turn

    def leave(self, person: Hashable, turn: Future[int]) -> None:
        """Wait no longer."""
        self._preferred.pop(turn, None)
        super().leave(person, turn)

    def give_back(self, person: Hashable, number: int = _ANY) -> None:
        """Let the people who wait have it, this one behind the others."""
        self._free.add(number)
        self._count_back(person)
        self._grant()

    def _look_again(self, turn: Future[int]) -> None:
        """Let it have any place if its preferred one is held for long; a line in front of it moves on."""
        preferred = self._preferred.get(turn)
        if turn.done() or preferred is None:
            return
        loop = asyncio.get_running_loop()
        if preferred not in self._free and loop.time() - self._since[preferred] > PREFERRED_FOR:
            del self._preferred[turn]
            self._grant()
        else:
            loop.call_later(PREFERRED_FOR, self._look_again, turn)

    def _grant(self) -> None:
        """Give the free places away; a person who got one goes behind the others."""
        granted = True
        while granted and self._free:
            granted = False
            for person in [*self._lines]:
                if self._taken.get(person, 0) < self.each and self._grant_to(person):
                    granted = True
                if not self._free:
                    return

    def _grant_to(self, person: Hashable) -> bool:
        line = self._lines[person]
        turn = next((turn for turn in line if self._suits(turn)), None)
        if turn is None:
            return False
        number = self._preferred.pop(turn, min(self._free))
        line.remove(turn)
        del self._lines[person]
        if line:
            self._lines[person] = line
        self._free.discard(number)
        self._since[number] = asyncio.get_running_loop().time()
        self._taken[person] = self._taken.get(person, 0) + 1
        turn.set_result(number)
        return True

    def _suits(self, turn: Future[int]) -> bool:
        """True if a free place is for this call; a call that gives up leaves the line soon."""
        preferred = self._preferred.get(turn)
        return not turn.done() and (preferred is None or preferred in self._free)


class Place:
    """The block in which a person has a place."""

    __slots__ = ("_begun", "_has_it", "_number", "_person", "_preferred", "_shares", "_turn")

    def __init__(self, shares: FairShares, person: Hashable, begun: bool, preferred: int | None) -> None:
        self._shares = shares
        self._person = person
        self._begun = begun
        self._preferred = preferred
        self._turn: Future[int] | None = None
        self._has_it = False
        self._number = _ANY

    async def __aenter__(self) -> int:
        """Wait for it; gives its number where they are numbered.

        Raises: RateLimited when too many wait, or when this one has waited too long.
        """
        if self._person is None:
            return _ANY
        turn = self._shares.take(self._person, self._begun, self._preferred)
        self._has_it = True
        if turn is not None:
            self._turn = turn
            self._number = await self._wait(turn)
        return self._number

    async def _wait(self, turn: Future[int]) -> int:
        self._shares.limit(turn)
        try:
            return await turn
        except BaseException:
            if turn.cancelled() or turn.exception() is not None:
                self._shares.leave(self._person, turn)
            elif self._has_it:  # it came at the moment of a cancellation
                self._shares.give_back(self._person, turn.result())
            raise
        finally:
            self._shares.unlimit(turn)

    @property
    def waits(self) -> bool:
        """True if the call is in the line."""
        return self._turn is not None and not self._turn.done()

    def do_without(self) -> None:
        """Wait for it no longer: what is done is not for this person alone."""
        if self.waits and self._turn is not None:
            self._has_it = False
            self._shares.leave(self._person, self._turn)
            self._turn.set_result(_ANY)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._has_it:
            self._shares.give_back(self._person, self._number)
