"""Work beside the calls: the delivery of notifications, and the digestion of records of Claude Code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from app.config.settings import Settings
from app.database.pools import open_worker_pool
from services.core.addresses import AllowedAddresses
from services.core.background import Supervisor
from services.core.database import Database, WritePool
from services.core.retry import Backoff
from services.delivery.breaker import Breakers
from services.delivery.channels.web_push import Vapid
from services.delivery.http_client import Client
from services.delivery.occurrences import Occurrences
from services.delivery.outcomes import LONGEST_PAUSE
from services.delivery.sender import Bases, Sender
from services.delivery.worker import Delivery, Pace
from services.feed.wakeup import Wakeup, WakeupEvent
from services.fleet.digestion import digest
from services.ingest.digestion import Digestion


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[Sender]:
    """The sender of single messages, open until the block ends."""
    client = Client(AllowedAddresses.of(settings.delivery_allowed), settings.delivery_timeout)
    try:
        yield Sender(
            client,
            vapid(settings),
            Bases(settings.slack_url, settings.discord_url, settings.line_url),
            settings.public_url or None,
        )
    finally:
        await client.close()


def vapid(settings: Settings) -> Vapid:
    """The key of Web Push."""
    if settings.web_push_key is not None:
        return Vapid.of(settings.web_push_key.get_secret_value(), settings.web_push_contact)
    return Vapid.derived(settings.signing_key(), settings.web_push_contact)


_PUBLISH_KEY = """
INSERT INTO system_settings
    (setting_key, setting_value, data_type, category, description, is_public, is_readonly)
VALUES ($1, to_jsonb($2::text), 'string', 'notifications', $3, true, true)
ON CONFLICT (setting_key) DO UPDATE
SET setting_value = EXCLUDED.setting_value, version = COALESCE(system_settings.version, 0) + 1,
    previous_value = system_settings.setting_value
WHERE system_settings.setting_value IS DISTINCT FROM EXCLUDED.setting_value
"""
WEB_PUSH_KEY = "web_push.public_key"


async def _publish_key(pool: WritePool, sender: Sender) -> None:
    """Let browsers read the key that they subscribe with: it is a public setting."""
    async with pool.acquire() as connection:
        await connection.execute(
            _PUBLISH_KEY,
            WEB_PUSH_KEY,
            sender.vapid.public_key,
            "applicationServerKey of pushManager.subscribe; set by the server",
        )


@asynccontextmanager
async def digest_ingested(
    settings: Settings, database: Database, stored: WakeupEvent, supervisor: Supervisor
) -> AsyncIterator[None]:
    """Digest what waits until the block ends; `stored` tells that there is something."""
    digestion = Digestion(database, settings.vault(), digest, stored, poll=settings.ingest_poll)
    async with digestion.watched_by(supervisor):
        yield


@asynccontextmanager
async def deliver(
    settings: Settings, database: Database, sender: Sender, wakeup: Wakeup, supervisor: Supervisor
) -> AsyncIterator[None]:
    """Deliver what waits, and make notifications of events, until the block ends."""
    pace = Pace(
        most=settings.delivery_concurrency,
        poll=settings.delivery_poll,
        backoff=Backoff(first=settings.delivery_backoff, longest=LONGEST_PAUSE),
    )
    breakers = Breakers(
        failures=settings.delivery_breaker_failures,
        first=settings.delivery_breaker_pause,
        places=settings.delivery_places,
    )
    async with open_worker_pool(settings) as pool:
        own = replace(database, autocommit=pool, after_commit=wakeup.notify)
        await _publish_key(pool, sender)
        worker = Delivery(
            own, sender, settings.vault(), wakeup.event(), pace=pace, breakers=breakers
        ).watched_by(supervisor)
        occurrences = Occurrences(own, wakeup.event(), settings.delivery_poll)
        async with worker, supervisor.running(occurrences.run, "delivery-occurrences"):
            yield
