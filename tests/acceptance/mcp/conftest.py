"""A lead and what it needs."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from tests.support.agents import REVISIONS, Agent, Person, agents, enrol
from tests.support.serving import LiveServer


@pytest.fixture
def person(settings: Settings) -> Person:
    """Who runs the fleet."""
    return asyncio.run(enrol(settings, "lead"))


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    """Each revision of the protocol."""
    text: str = request.param
    return text


@pytest.fixture
async def client(live_server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Connections to the server."""
    async with agents(live_server.url) as client:
        yield client


@pytest.fixture
async def lead(client: httpx.AsyncClient, person: Person, revision: str) -> Agent:
    """An agent that has joined its project."""
    agent = Agent(client, "/mcp", person.token, revision, UUID(str(uuid7())))
    await agent.call("join_project", project=person.project_id, name="Lead")
    return agent


@pytest.fixture
async def other(client: httpx.AsyncClient, settings: Settings, revision: str) -> Agent:
    """An agent of another person."""
    person = await enrol(settings, "other")
    agent = Agent(client, "/mcp", person.token, revision, UUID(str(uuid7())))
    await agent.call("join_project", name="Other")
    return agent


@pytest.fixture(autouse=True)
def soon_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is written down sooner than a server does it."""
    monkeypatch.setattr("app.mcp.recording.EVERY", 0.2)
