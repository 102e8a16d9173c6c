"""An agent as clients of both revisions are: JSON-RPC over HTTP. Answers are held to their schemas."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import jsonschema

from app.config.settings import Settings
from app.database.pools import open_database
from app.mcp.tools.all import TOOLS
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.principal import Origin, Principal
from services.writing.creating import create_row
from tests.support.acting import action
from tests.support.waiting import PATIENCE

LEGACY, MODERN = "2025-11-25", "2026-07-28"
REVISIONS = (LEGACY, MODERN)
META = "io.modelcontextprotocol/"
NONE_READY = {
    "hint": "No task is ready for you: wait with `waitSeconds`; get_available_tasks says what is blocked."
}
"""What claim_next_task answers without a task."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account with a token and a project of its own."""

    user_id: int
    token: str
    project_id: UUID


async def enrol(settings: Settings, name: str, *, calls: int | None = None) -> Person:
    """A new account, its token and its project. `calls` is its quota an hour."""
    async with open_database(settings) as database:
        async with database.transaction() as connection:
            user_id = await add_user(connection, name, "correct horse")
            if calls is not None:
                await connection.exec_driver_sql(
                    "UPDATE users SET resource_quota = jsonb_build_object('api_calls_per_hour', $1::int)"
                    " WHERE id = $2",
                    (calls, user_id),
                )
            issued = await issue_for_username(connection, TokenPolicy(settings.signing_key()), name, Origin())
        principal = Principal(user_id, name, is_admin=False)
        key = await create_row(
            action(database, principal), "projects", {"name": f"{name}'s project", "workdir": f"/{name}"}
        )
        async with database.transaction() as connection:
            found = await connection.exec_driver_sql("SELECT project_id FROM projects WHERE id = $1", (key,))
            project_id: UUID = found.scalar_one()
    return Person(user_id, issued.token, project_id)


@dataclass(slots=True)
class Agent:
    """One connection. `instance` is the header's, `position` what it says of its own writes."""

    client: httpx.AsyncClient
    url: str
    token: str
    revision: str = LEGACY
    instance: UUID | None = None
    position: str | None = None
    ids: "count[int]" = field(default_factory=lambda: count(1))

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        """The headers that a client sends with a request."""
        sent = {
            "authorization": f"Bearer {self.token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self.revision,
        }
        if self.instance is not None:
            sent["x-ccgraph-instance"] = str(self.instance)
        if self.position is not None:
            sent["ccgraph-position"] = self.position
        if self.revision == MODERN:
            sent["mcp-method"] = method
            name = params.get("name") or params.get("uri")
            if name is not None:
                sent["mcp-name"] = name
        return sent

    def message(self, method: str, params: dict[str, Any], progress: str | None = None) -> dict[str, Any]:
        """The request, with the envelope of its revision."""
        meta: dict[str, Any] = {} if progress is None else {"progressToken": progress}
        if self.revision == MODERN:
            meta |= {
                f"{META}protocolVersion": MODERN,
                f"{META}clientInfo": {"name": "tests", "version": "1"},
                f"{META}clientCapabilities": {},
            }
        if meta:
            params = {**params, "_meta": meta}
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}

    async def send(self, method: str, **params: Any) -> httpx.Response:
        """The HTTP response to a request."""
        message = self.message(method, params)
        return await self.client.post(self.url, json=message, headers=self.headers(method, params))

    async def ask(self, method: str, **params: Any) -> Any:
        """The result of a request; AssertionError for an error of the protocol."""
        answer = _answer(await self.send(method, **params))
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, **params: Any) -> Any:
        """The error of a request."""
        answer = _answer(await self.send(method, **params))
        assert "error" in answer, answer
        return answer["error"]

    async def result(self, tool: str, **arguments: Any) -> Any:
        """The whole result of a call of a tool, whose parts fit what the tool says of itself."""
        result = await self.ask("tools/call", name=tool, arguments=_plain(arguments))
        assert len(json.dumps(result, ensure_ascii=False)) < 10_000
        assert all(part["type"] == "text" and part["text"] for part in result["content"])
        if not result.get("isError"):
            jsonschema.validate(result["structuredContent"], TOOLS[tool].output_schema)
        return result

    async def call(self, tool: str, **arguments: Any) -> Any:
        """The structured answer of a tool; AssertionError when it is an error."""
        result = await self.result(tool, **arguments)
        assert not result.get("isError"), result
        return result["structuredContent"]

    async def refusal(self, tool: str, **arguments: Any) -> str:
        """The sentence of a tool that refuses."""
        result = await self.result(tool, **arguments)
        assert result["isError"], result
        assert "structuredContent" not in result
        text: str = result["content"][0]["text"]
        return text

    @asynccontextmanager
    async def stream(
        self, method: str, *, progress: str | None = None, **params: Any
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """The messages that a request brings, one after the other, until the block ends."""
        message = self.message(method, params, progress)
        request = self.client.stream("POST", self.url, json=message, headers=self.headers(method, params))
        async with request as response:
            assert response.status_code == 200, await response.aread()
            yield _messages(response)


async def _messages(response: httpx.Response) -> AsyncIterator[Any]:
    if response.headers["content-type"].startswith("application/json"):
        yield json.loads(await response.aread())
        return
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _answer(response: httpx.Response) -> Any:
    if response.headers["content-type"].startswith("text/event-stream"):
        lines = [line for line in response.text.splitlines() if line.startswith("data: ")]
        return json.loads(lines[-1].removeprefix("data: "))
    return response.json()


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@asynccontextmanager
async def agents(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose connections the agents of a test share."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
        yield client
