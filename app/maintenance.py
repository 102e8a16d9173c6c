"""Maintenance as the settings want it, for the schedule of a server and for the command."""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial

from app.config.settings import Settings
from app.database.pools import connect_maintenance
from services.core.background import Supervisor
from services.core.database import Database
from services.system.maintenance import Maintenance, keep_maintained


def maintenance_of(settings: Settings, database: Database) -> Maintenance:
    """The maintenance of the database, by the settings."""
    return Maintenance(
        database,
        partial(connect_maintenance, settings),
        silent_for=timedelta(seconds=settings.heartbeat_timeout),
        lost_after=timedelta(seconds=settings.process_timeout),
    )


def scheduled(
    settings: Settings, database: Database, supervisor: Supervisor
) -> AbstractAsyncContextManager[object]:
    """The side task that runs it by schedule, where the settings want it of this process."""
    if not settings.maintenance_every or not settings.worker:
        return nullcontext()
    work = partial(keep_maintained, maintenance_of(settings, database), settings.maintenance_every)
    return supervisor.running(work, "maintenance")
