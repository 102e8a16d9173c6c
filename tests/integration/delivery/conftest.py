"""A worker on the test's database, receivers on loopback, and people who want to hear."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from app.config.settings import Settings
from app.worker import deliver, open_sender, vapid
from services.core.background import Supervisor
from services.core.database import Database
from services.delivery.channels.web_push import Vapid
from services.feed.wakeup import Wakeup
from services.secrets.vault import Vault
from tests.support.factories import AnyRow, make_notification, make_notification_setting, make_user
from tests.support.receivers import Receiver, receiving
from tests.support.waiting import PATIENCE, until


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """One that takes everything."""
    async with receiving() as opened:
        yield opened


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    """Of a server that may call loopback, is quick to try again, and finds every service at the receiver."""
    return settings.model_copy(
        update={
            "worker": True,
            "delivery_allowed": "127.0.0.0/8",
            "delivery_backoff": 0.05,
            "delivery_timeout": PATIENCE,
            "public_url": "https://fleet.example",
            "slack_url": receiver.url + "/slack",
            "discord_url": receiver.url + "/discord",
            "line_url": receiver.url + "/line",
            "web_push_contact": "mailto:ops@example.com",
        }
    )


Working = Callable[..., AbstractAsyncContextManager[Supervisor]]


@pytest.fixture
def working(settings: Settings, database: Database) -> Working:
    """Runs a worker until the block ends; further settings by name."""

    @asynccontextmanager
    async def work(**given: Any) -> AsyncIterator[Supervisor]:
        own = settings.model_copy(update=given)
        supervisor = Supervisor()
        async with (
            Wakeup("memory://").watched_by(supervisor) as wakeup,
            open_sender(own) as sender,
            deliver(own, replace(database, after_commit=wakeup.notify), sender, wakeup, supervisor),
        ):
            yield supervisor

    return work


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes settings and notifications, and reads what became of them."""

    database: Database
    vault: Vault
    vapid: Vapid

    async def person(self, **values: Any) -> AnyRow:
        """A person."""
        async with self.database.writer.begin() as connection:
            return await make_user(connection, **values)

    async def setting(self, **values: Any) -> AnyRow:
        """What a person wants to hear; what the API encrypts is given in clear."""
        for name in ("webhook_secret", "previous_webhook_secret"):
            if name in values:
                values[name] = self.vault.seal(values[name], "notification_settings.webhook_secret")
        for name in ("service_config", "webhook_headers", "push_subscription"):
            if values.get(name):
                values[name] = {"sealed": self.vault.seal(values[name], f"notification_settings.{name}")}
        async with self.database.writer.begin() as connection:
            return await make_notification_setting(connection, **values)

    async def notify(self, user_id: int, **values: Any) -> int:
        """A notification that waits; its key."""
        async with self.database.writer.begin() as connection:
            row = await make_notification(connection, user_id=user_id, **values)
        return int(row.id)

    async def row(self, key: int) -> AnyRow:
        """A notification as it is now."""
        return await self.one(f"SELECT * FROM notification_history WHERE id = {key}")

    async def one(self, statement: str) -> AnyRow:
        """The one row that a statement finds."""
        async with self.database.writer.begin() as connection:
            return (await connection.execute(text(statement))).one()

    async def execute(self, statement: str) -> None:
        """Run a statement."""
        async with self.database.writer.begin() as connection:
            await connection.execute(text(statement))

    async def ended(self, key: int, status: str = "sent") -> AnyRow:
        """The notification, once it has this status."""

        async def is_so() -> bool:
            return bool((await self.row(key)).status == status)

        await until(is_so)
        return await self.row(key)


@pytest.fixture
def desk(settings: Settings, database: Database) -> Desk:
    return Desk(database, settings.vault(), vapid(settings))


CREATED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
