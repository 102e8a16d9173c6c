"""How many statements of one person run at the same time, so that others find connections."""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Hashable
from types import TracebackType


class FairShares:
    """`most` places for each person; who asks for more waits for their own, in the order in which they came.

    A place that is free costs a look into a dictionary. Nobody waits here for what another person does.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Future[None]]] = {}

    def of(self, person: Hashable) -> "Place":
        """A place of this person for the length of an `async with`; None has as many as there are."""
        return Place(self, person)

    async def take(self, person: Hashable) -> None:
        """Wait for a place."""
        taken = self._taken.get(person, 0)
        if taken < self.most:
            self._taken[person] = taken + 1
            return
        turn: Future[None] = get_running_loop().create_future()
        waiting = self._waiting.setdefault(person, deque())
        waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give_back(person)
            raise

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

    __slots__ = ("_person", "_shares")

    def __init__(self, shares: FairShares, person: Hashable) -> None:
        self._shares = shares
        self._person = person

    async def __aenter__(self) -> None:
        """Wait for it."""
        if self._person is not None:
            await self._shares.take(self._person)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._person is not None:
            self._shares.give_back(self._person)
