"""A lead and what it needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.mcp.listening import Listening
from app.mcp.waiting import TaskSignal, TaskWaits
from tests.support.agents import REVISIONS, Agent, Person, agents, enrol
from tests.support.serving import LiveServer


@dataclass(slots=True)
class Held:
    """What the servers of a test hold open now: calls that wait for tasks, and streams of changes."""

    calls: int = 0
    streams: int = 0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """From now on."""
    found = Held()
    listening, tell = TaskWaits.listening, Listening._tell

    @asynccontextmanager
    async def counted(waits: TaskWaits, *rest: Any) -> AsyncIterator[TaskSignal]:
        async with listening(waits, *rest) as signal:
            found.calls += 1
            try:
                yield signal
            finally:
                found.calls -= 1

    async def told(changes: Listening, *rest: Any) -> None:
        found.streams += 1
        try:
            await tell(changes, *rest)
        finally:
            found.streams -= 1

    monkeypatch.setattr(TaskWaits, "listening", counted)
    monkeypatch.setattr(Listening, "_tell", told)
    return found


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
