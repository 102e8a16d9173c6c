"""What a real hook tells is seen by people who watch, soon, and each is answered in their own session."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.config.settings import Settings
from app.connect.claude_code import ClaudeFolder
from app.connect.connecting import Wanted, connect, plan
from app.connect.connection import Folder, Server, folder_of
from app.connect.tokens import IngestToken
from models.enums import TokenType
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.acceptance.subscriptions.conftest import PlainSql
from tests.support.graphql_ws import logged_in
from tests.support.pace import delay
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE, until

SESSION: Final = "0a6afc57-2f31-4cb4-8ff0-01247f50c64c"
HOOKS: Final = "/ingest/claude-code/hooks"
NOW: Final = """subscription ($id: UUID!) {
  live(maxPerSecond: 20) { ccInstance(by: {id: $id}) { activity activityDetail } }
}"""
ANSWER: Final = """mutation ($id: UUID!, $message: String!) {
  answerPermissionRequest(input: {id: $id, decision: DENY, message: $message}) { ccPermissionRequest { id } }
}"""
SOON: Final = 0.2
"""Seconds from the start of the hook to the result of the subscriber."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with both kinds of tokens."""

    user_id: int
    ingest: str
    access: str


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of a server that digests what it stores."""
    return settings.model_copy(update={"worker": True})


@pytest.fixture
async def people(database: Database, settings: Settings) -> list[Person]:
    policy = TokenPolicy(settings.signing_key())
    found = []
    async with database.transaction() as connection:
        for name in ("alice", "bob"):
            user_id = await add_user(connection, name, "correct horse battery")
            tokens = [
                (await issue_for_username(connection, policy, name, Origin(), kind=kind)).token
                for kind in (TokenType.INGEST, TokenType.ACCESS)
            ]
            found.append(Person(user_id, *tokens))
    return found


@pytest.fixture
async def client(live_server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as opened:
        yield opened


async def send(client: httpx.AsyncClient, who: Person, event: str, **more: Any) -> httpx.Response:
    hook = {"hook_event_name": event, "session_id": SESSION, "cwd": "/home/dev/app", **more}
    return await client.post(HOOKS, json=hook, headers={"authorization": f"Bearer {who.ingest}"})


async def appears(sql: PlainSql, query: str, *values: Any) -> Any:
    """The first value that a query finds, as soon as it finds one."""
    found: list[Any] = []

    async def look() -> bool:
        found[:] = await sql.connection.fetch(query, *values)
        return bool(found)

    await until(look)
    return found[0][0]


def connected(url: str, token: str, tmp_path: Path) -> Folder:
    """A machine that is connected, as `ccgraph connect` does it."""
    claude = ClaudeFolder(tmp_path / ".claude")
    folder = folder_of(claude)
    wanted = Wanted(Server(url), (2, 1, 328))
    connect(plan(folder, claude, wanted, {}), wanted, IngestToken(token, "a machine", None, None))
    return folder


async def run_hook(folder: Folder, event: str, **more: Any) -> None:
    """Run the hook as Claude Code does."""
    hook = {"hook_event_name": event, "session_id": SESSION, "cwd": "/home/dev/app", **more}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(str(folder.hook), stdin=pipe, stdout=pipe, stderr=pipe)
    assert await process.communicate(json.dumps(hook).encode()) == (b"", b"")


async def test_who_watches_sees_what_a_hook_told_within_a_fifth_of_a_second(
    live_server: LiveServer, sql: PlainSql, people: list[Person], tmp_path: Path
) -> None:
    alice = people[0]
    folder = connected(live_server.url, alice.ingest, tmp_path)
    await run_hook(folder, "SessionStart", source="startup")
    await appears(sql, "SELECT id FROM cc_instances WHERE activity = 'IDLE'")
    async with logged_in(live_server.websocket_url, alice.access) as socket:
        await socket.say(id="1", type="subscribe", payload={"query": NOW, "variables": {"id": SESSION}})
        assert (await socket.next())["live"]["ccInstance"]["activity"] == "IDLE"
        waits = []
        for number in range(20):  # the fastest counts: neighbours on this machine have their turns too
            pace = delay()
            began = time.monotonic()
            tool = {"tool_name": "Bash", "tool_input": {"command": f"make {number}"}}
            hook = asyncio.create_task(run_hook(folder, "PermissionRequest", **tool))
            found = (await socket.next())["live"]["ccInstance"]
            waits.append((time.monotonic() - began) / pace)
            await hook
            assert found == {"activity": "WAITING_PERMISSION", "activityDetail": f"Bash: make {number}"}
            await run_hook(folder, "UserPromptSubmit", prompt="Go on.", prompt_id=str(number))
            assert (await socket.next())["live"]["ccInstance"]["activity"] == "WORKING"
            if min(waits) < SOON:
                break
        assert min(waits) < SOON, waits


async def test_two_people_with_the_same_session_id_are_answered_each_in_their_own(
    client: httpx.AsyncClient, sql: PlainSql, people: list[Person]
) -> None:
    for who in people:
        await send(client, who, "SessionStart", source="startup")
        await appears(sql, "SELECT id FROM sessions WHERE user_id = $1", who.user_id)
    await sql.connection.execute("UPDATE projects SET hold_permission_requests = true")

    for who in reversed(people):
        tool = {"tool_name": "Bash", "tool_input": {"command": "make"}}
        waiting = asyncio.create_task(send(client, who, "PermissionRequest", **tool))
        held = "SELECT id FROM cc_permission_requests WHERE user_id = $1 AND held_until > now()"
        request = await appears(sql, held, who.user_id)
        asked = {"query": ANSWER, "variables": {"id": str(request), "message": f"No, {who.user_id}."}}
        bearer = {"authorization": f"Bearer {who.access}"}
        answer = (await client.post("/graphql", json=asked, headers=bearer)).json()
        assert "errors" not in answer, answer
        decision = (await waiting).json()["hookSpecificOutput"]["decision"]
        assert decision == {"behavior": "deny", "message": f"No, {who.user_id}."}
