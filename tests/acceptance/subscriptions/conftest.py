"""A fleet in the database of a live server, tokens of its people, and plain SQL beside the API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.config.settings import Settings
from services.accounts.token_store import issue_named
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support import factories


@dataclass(frozen=True, slots=True)
class Fleet:
    """A person's project with one instance, and what others are needed for."""

    owner_id: int
    owner_token: str
    stranger_token: str
    administrator_token: str
    project_id: UUID
    instance_id: UUID


@pytest.fixture
async def fleet(database: Database, settings: Settings) -> Fleet:
    """Made before the test begins."""
    async with database.transaction() as connection:
        owner = await factories.make_user(connection, resource_quota={})
        stranger = await factories.make_user(connection, resource_quota={})
        administrator = await factories.make_user(connection, is_admin=True, resource_quota={})
        project = await factories.make_project(connection, owner_id=owner.id, name="注文管理")
        instance = await factories.make_instance(
            connection, project_id=project.project_id, name="親 one", status="IDLE"
        )
    return Fleet(
        owner.id,
        await token(database, settings, owner.id),
        await token(database, settings, stranger.id),
        await token(database, settings, administrator.id),
        project.project_id,
        instance.id,
    )


async def token(
    database: Database, settings: Settings, user_id: int, lifetime: timedelta | None = None
) -> str:
    """A new access token of a person."""
    policy = TokenPolicy(settings.signing_key())
    async with database.transaction() as connection:
        issued = await issue_named(connection, policy, user_id, Origin(), lifetime=lifetime)
    return issued.token


class PlainSql:
    """Another program that writes to the same database."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def set_status(self, instance_id: UUID, status: str) -> None:
        """Change an instance's status."""
        await self.connection.execute(
            "UPDATE cc_instances SET status = $2 WHERE id = $1", instance_id, status
        )


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[PlainSql]:
    """On a connection of its own."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(database_url)
    yield PlainSql(connection)
    await connection.close()
