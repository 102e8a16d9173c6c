"""Maintenance of a test's database."""

import asyncio
from datetime import datetime

from app.config.settings import Settings
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin
from services.core.database import Database
from services.system.maintenance import Outcome
from tests.support.waiting import PATIENCE


async def maintain(settings: Settings, database: Database, at: datetime | None = None) -> dict[str, Outcome]:
    """One run, of which no step fails; what each step did, by its name.

    PostgreSQL ends the lock of the run before with its connection, a moment after that run.
    """
    outcomes = None
    async with asyncio.timeout(PATIENCE):
        while outcomes is None:
            outcomes = await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND, at=at)
    assert [(outcome.step.name, outcome.error) for outcome in outcomes if outcome.error] == []
    return {outcome.step.name: outcome for outcome in outcomes}
