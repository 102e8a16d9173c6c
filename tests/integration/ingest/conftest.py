"""Tokens that can only ingest, and what stands in the tables afterwards."""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from models.enums import TokenType
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.principal import Origin


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account, an ingest token and an access token."""

    user_id: int
    ingest: str
    access: str

    @property
    def header(self) -> dict[str, str]:
        """The header of the ingest token."""
        return {"authorization": f"Bearer {self.ingest}"}


async def make_person(app: Starlette, name: str) -> Person:
    """An account with both tokens."""
    policy = TokenPolicy(app.state.settings.signing_key())
    async with app.state.database.transaction() as connection:
        user_id = await add_user(connection, name, "correct horse battery")
        issued = [
            (await issue_for_username(connection, policy, name, Origin(), kind=kind)).token
            for kind in (TokenType.INGEST, TokenType.ACCESS)
        ]
    return Person(user_id, *issued)


@pytest.fixture
async def alice(app: Starlette) -> Person:
    return await make_person(app, "alice")


@pytest.fixture
async def bob(app: Starlette) -> Person:
    return await make_person(app, "bob")


async def stored(plain: "asyncpg.Connection[asyncpg.Record]", person: Person) -> list[dict[str, Any]]:
    """The records of a person in their order, with their bodies read."""
    rows = await plain.fetch("SELECT * FROM ingest_records WHERE user_id = $1 ORDER BY id", person.user_id)
    return [{**row, "body": json.loads(row["body"])} for row in rows]


async def send(
    client: httpx.AsyncClient, person: Person, path: str, body: Any, **headers: str
) -> httpx.Response:
    """Post JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", **person.header, **headers}
    return await client.post(path, content=content, headers=given)
