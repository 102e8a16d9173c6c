"""The live demo beside a server, or by itself: what it needs is opened, and it is watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import structlog

from app.config.settings import Settings
from app.database.pools import connect_maintenance
from services.core.background import Supervisor
from services.core.database import Database
from services.core.errors import DomainError
from services.demo.live import DemoFleet, Pacing
from services.demo.live.crews import HELD_FOR
from services.feed.wakeup import Wakeup
from services.instances.permission_waits import PermissionWaits

_AGAIN = 30.0
"""Seconds."""

log = structlog.get_logger("ccgraph")


@asynccontextmanager
async def demo_fleet(
    settings: Settings, database: Database, supervisor: Supervisor, pacing: Pacing
) -> AsyncIterator[DemoFleet]:
    """A fleet that can be played until the block ends; what it changes, the servers hear of at once.

    Raises: BadInput for a speed that is out of range.
    """
    wakeup = Wakeup(settings.broadcast_url.get_secret_value()).watched_by(supervisor)
    async with wakeup:
        told = replace(database, after_commit=wakeup.notify)
        waits = PermissionWaits(told, wakeup.event(), HELD_FOR.total_seconds()).watched_by(supervisor)
        async with waits:
            connect = partial(connect_maintenance, settings)
            yield DemoFleet(told, connect, settings.vault(), waits, pacing)


@asynccontextmanager
async def demo_played(
    settings: Settings, database: Database, supervisor: Supervisor, pacing: Pacing | None
) -> AsyncIterator[None]:
    """Play it beside a server until the block ends; None plays nothing.

    A server goes on without it: what keeps the demo from being played is logged.
    """
    if pacing is None:
        yield
        return
    async with demo_fleet(settings, database, supervisor, pacing) as fleet:
        task = supervisor.start(
            partial(_keep_playing, fleet), "live-demo", lambda: log.error("demo_not_played")
        )
        try:
            yield
        finally:
            await task.stop()


async def _keep_playing(fleet: DemoFleet) -> None:
    """Keep the demo playing, for ever: where another process plays it, wait until that one has ended."""
    while True:
        try:
            await fleet.run()
        except DomainError as refusal:
            log.warning("demo_not_played", reason=refusal.message, again_in=_AGAIN)
        await asyncio.sleep(_AGAIN)
