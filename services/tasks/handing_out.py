"""Gives back what a call hands out to its caller alone, where the caller has left before it heard of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from services.core.background import Tasks
from services.core.errors import DomainError

Handed = TypeVar("Handed")

GiveBack = Callable[[], Awaitable[object]]

_UNDER_WAY: Final = Tasks()
"""Tasks of calls that may be broken off meanwhile."""


class HandedOut:
    """Claims of one call. They are taken in tasks of their own, so that breaking the call off loses none."""

    __slots__ = ("_given_back", "_held")

    def __init__(self) -> None:
        self._held: list[GiveBack] = []
        self._given_back = False

    def __bool__(self) -> bool:
        """True if there is something to give back."""
        return bool(self._held)

    async def take(
        self, taking: Coroutine[Any, Any, Handed | None], give_back: Callable[[Handed], Awaitable[object]]
    ) -> Handed | None:
        """The result of `taking`; None where that took nothing.

        Raises: what `taking` raises.
        """

        async def note() -> Handed | None:
            taken = await taking
            if taken is not None:
                self._held.append(lambda: give_back(taken))
                if self._given_back:
                    await self._give_back()
            return taken

        return await asyncio.shield(_UNDER_WAY.start(note()))

    def give_back(self) -> "asyncio.Task[None]":
        """Give back all that was taken, and what is being taken once it is; the task need not be awaited."""
        self._given_back = True
        return _UNDER_WAY.start(self._give_back())

    async def _give_back(self) -> None:
        while self._held:
            with suppress(DomainError):  # it has ended, or is another's by now
                await self._held.pop()()
