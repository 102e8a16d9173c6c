"""How many statements of one person run at the same time, so that others find connections."""

import asyncio
from asyncio import Future, TimerHandle
from collections import deque
from collections.abc import Hashable
from types import TracebackType

from services.core.errors import RateLimited

MOST_WAITING = 500
"""Statements of one person that wait for a place: each keeps its request in memory."""


class FairShares:
    """`most` places for each person; who asks for more waits for their own, in the order in which they came.

    `most_waiting` of a person may wait, and no one longer than `longest_wait` seconds; None bounds neither. A
    place that is free costs a look into a dictionary. Nobody waits here for what another person does.
    """

    def __init__(
        self, most: int, *, most_waiting: int | None = None, longest_wait: float | None = None
    ) -> None:
        self.most = most
        self.most_waiting = most_waiting
        self.longest_wait = longest_wait
        self._taken: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Future[None]]] = {}

    def of(self, person: Hashable, *, begun: bool = False) -> "Place":
        """A place of this person for the length of an `async with`; None has as many as there are.

        What has `begun`, and is to be finished, waits however many others do.
        """
        return Place(self, person, begun=begun)

    def waiting(self, person: Hashable) -> int:
        """How many wait for a place of this person."""
        return len(self._waiting.get(person, ()))

    def take(self, person: Hashable, *, begun: bool = False) -> Future[None] | None:
        """A place; or what tells when there is one, unless `leave` is called before.

        Raises: RateLimited when too many wait already.
        """
        taken = self._taken.get(person, 0)
        if taken < self.most:
            self._taken[person] = taken + 1
            return None
        waiting = self._waiting.setdefault(person, deque())
        if self.most_waiting is not None and len(waiting) >= self.most_waiting and not begun:
            raise RateLimited(
                f"{len(waiting)} requests of your account wait already until others of it are done; "
                "wait for answers before you send more.",
                retryAfter=1,
            )
        turn: Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        return turn

    def leave(self, person: Hashable, turn: Future[None]) -> None:
        """Wait no longer."""
        waiting = self._waiting.get(person)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[person]

    def give_back(self, person: Hashable) -> None:
        """Hand the place to who has waited longest."""
        waiting = self._waiting.get(person)
        while waiting:
            turn = waiting.popleft()
            if not waiting:
                del self._waiting[person]
            if not turn.done():
                turn.set_result(None)
                return
        left = self._taken[person] - 1
        if left:
            self._taken[person] = left
        else:
            del self._taken[person]

    def __len__(self) -> int:
        """People who have a place now."""
        return len(self._taken)


class Place:
    """The block in which a person has a place."""

    __slots__ = ("_begun", "_has_it", "_person", "_shares", "_turn")

    def __init__(self, shares: FairShares, person: Hashable, *, begun: bool) -> None:
        self._shares = shares
        self._person = person
        self._begun = begun
        self._turn: Future[None] | None = None
        self._has_it = False

    async def __aenter__(self) -> None:
        """Wait for it.

        Raises: RateLimited when too many wait, or when this one has waited too long.
        """
        if self._person is None:
            return
        turn = self._shares.take(self._person, begun=self._begun)
        self._has_it = True
        if turn is not None:
            self._turn = turn
            await self._wait(turn)

    async def _wait(self, turn: Future[None]) -> None:
        seconds = self._shares.longest_wait
        limit: TimerHandle | None = None
        if seconds is not None:
            limit = asyncio.get_running_loop().call_later(seconds, _give_up, turn, seconds)
        try:
            await turn
        except BaseException:
            if turn.cancelled() or turn.exception() is not None:
                self._shares.leave(self._person, turn)
            elif self._has_it:  # it came at the moment of a cancellation
                self._shares.give_back(self._person)
            raise
        finally:
            if limit is not None:
                limit.cancel()

    def do_without(self) -> None:
        """Wait for it no longer: what is done is not for this person alone."""
        if self._turn is not None and not self._turn.done():
            self._has_it = False
            self._shares.leave(self._person, self._turn)
            self._turn.set_result(None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._has_it:
            self._shares.give_back(self._person)


def _give_up(turn: Future[None], seconds: float) -> None:
    if not turn.done():
        turn.set_exception(
            RateLimited(
                f"Other requests of your account have kept this one waiting for {seconds:g} s; "
                "send fewer at a time, or lighter ones.",
                retryAfter=1,
            )
        )
