"""The live demo fleet: crews that work side by side, one session after the other, until it is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from services.core.database import Connection, Database
from services.core.database_errors import is_transient
from services.core.errors import BadInput, Conflict
from services.core.retry import retry
from services.demo.live.crews import Crew
from services.demo.live.places import Demo, LivePlace, Means, end_what_is_open, prepare, require_demo
from services.demo.live.removal import remove_old
from services.demo.live.timeline import Timeline
from services.demo.seeded_random import Chance
from services.instances.permission_waits import PermissionWaits
from services.secrets.vault import Vault

log = structlog.get_logger(__name__)

SLOWEST, FASTEST = 0.01, 1_000.0

_REMOVED_EVERY: Final = 120.0
"""Seconds of the fleet's time between two looks for what is to be removed."""

_TO_END: Final = 20.0
"""Seconds that the end of all that is open may take."""

# Held by the one that plays, so that a second one does not move the same fleet.
_TAKE: Final = "SELECT pg_try_advisory_lock(hashtextextended('ccgraph live demo', 0))"


class AlreadyPlayed(Conflict):
    """Another process plays the demo of this database."""


def _time() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Pacing:
    """The speed of the fleet: `speed` of its seconds pass in one of the clock.

    `held` lets no time pass between what happens; `until` ends the play at a time of the fleet's, in seconds.
    `now` gives the time at which things happen.
    """

    speed: float = 1.0
    held: bool = False
    until: float | None = None
    now: Callable[[], datetime] = _time


class DemoFleet:
    """Plays for as long as `run` runs. What it began is brought to an end when that is cancelled."""

    def __init__(
        self,
        database: Database,
        connect: Callable[[], Awaitable[Connection]],
        vault: Vault,
        waits: PermissionWaits,
        pacing: Pacing | None = None,
    ) -> None:
        """`connect` opens a connection that holds a lock for as long as the fleet is played.

        Raises: BadInput for a speed that is out of range.
        """
        self._pacing = pacing or Pacing()
        self._connect = connect
        if not SLOWEST <= self._pacing.speed <= FASTEST:
            raise BadInput(f"Give a speed of {SLOWEST:g} to {FASTEST:g}; 1 is that of real work.")
        self._database = database
        self.waits, self.pacing = waits, self._pacing
        self._means = Means(database, vault, waits, self._pacing.now)

    async def run(self) -> None:
        """Play for ever; while the database is away, try again.

        Raises: NotTheDemo, and AlreadyPlayed where another process does it.
        """
        await retry(self._play, "demo_not_played", helps=is_transient)

    async def _play(self) -> None:
        demo = await require_demo(self._database)
        connection = await self._connect()
        try:
            if not await connection.fetchval(_TAKE):
                raise AlreadyPlayed("Another process runs the live demo of this database already.")
            places = await prepare(self._means, demo)
            log.info("demo_plays", projects=len(places), speed=self._pacing.speed)
            try:
                await self._perform(demo, places)
            finally:
                await _shielded(self._end(places))
        finally:
            connection.terminate()  # and with it goes the lock

    async def _perform(self, demo: Demo, places: Sequence[LivePlace]) -> None:
        timeline = Timeline(self._pacing.speed, held=self._pacing.held)
        for position, place in enumerate(places):
            timeline.begin(self._sessions(timeline, demo.seed, position, place), after=4.0 * position)
        timeline.begin(self._tidy(timeline, demo, places), after=_REMOVED_EVERY)
        await timeline.run(self._pacing.until)

    async def _sessions(self, timeline: Timeline, seed: int, position: int, place: LivePlace) -> None:
        number = 0
        while True:
            number += 1
            chance = Chance(seed, "live", "crew", position, number)
            await Crew(self._means, timeline, place, chance).play()
            await timeline.pause(chance.between(5, 25))

    async def _tidy(self, timeline: Timeline, demo: Demo, places: Sequence[LivePlace]) -> None:
        while True:
            await remove_old(self._means, places, demo.until)
            await timeline.pause(_REMOVED_EVERY)

    async def _end(self, places: Sequence[LivePlace]) -> None:
        try:
            async with asyncio.timeout(_TO_END):
                await end_what_is_open(self._means, places)
        except Exception as error:  # the next one that plays does it
            log.warning("demo_not_ended", error=type(error).__qualname__)


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end although the caller is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
