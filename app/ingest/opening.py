"""Opens the receivers for one process, and the worker that digests what they store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.config.settings import Settings
from app.database.pools import open_ingest_pool
from app.ingest.endpoint import Hold, IngestEndpoint
from app.ingest.recording import McpTraffic
from services.accounts.authentication import Authenticator
from services.core.background import Supervisor
from services.core.database import Database
from services.ingest.budgets import Budget, Budgets
from services.ingest.storing import CONNECTIONS, Store


@asynccontextmanager
async def open_receivers(
    settings: Settings,
    database: Database,
    authenticator: Authenticator,
    supervisor: Supervisor,
    stored: Callable[[], None],
    traffic: McpTraffic,
    hold: Hold | None = None,
) -> AsyncIterator[IngestEndpoint]:
    """The endpoint of the receivers; `stored` is called when something was stored.

    `traffic` records MCP messages. `hold` waits for the answer to a permission that is asked for.
    """
    budget = Budget(settings.ingest_records_per_hour, settings.ingest_bytes_per_hour)
    async with (
        open_ingest_pool(settings, CONNECTIONS) as pool,
        Budgets(database, budget).watched_by(supervisor) as budgets,
    ):
        yield IngestEndpoint(
            authenticator,
            budgets,
            Store(pool, stored),
            database.primary,
            traffic,
            maximum_body=settings.ingest_maximum_body,
            content=settings.ingest_content,
            hold=hold,
        )
