"""What passes a proxy becomes the rows that `ccgraph import-mcp` makes of the same traffic."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.database.pools import open_database
from models.enums import TokenType
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.principal import Origin, Principal
from services.mcp.importing import import_file
from tests.support.agents import LEGACY, Agent, Person
from tests.support.proxied import passed
from tests.support.recordings import PLANTED
from tests.support.serving import LiveServer
from tests.support.waiting import until

SERVER = """
import json, sys
answers = {
    "initialize": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s"}},
    "ok": {"content": [{"type": "text", "text": "done"}]},
    "bad": {"content": [{"type": "text", "text": "no such file"}], "isError": True},
}
def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    told = json.loads(line)
    for one in told if isinstance(told, list) else [told]:
        if "id" not in one or "method" not in one:
            continue
        name = one.get("params", {}).get("name", one["method"])
        if name == "bad":
            say({"id": "roots", "method": "roots/list"})
        if name in answers:
            say({"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}})
            say({"id": one["id"], "result": answers[name]})
        elif name == "odd":
            say({"id": one["id"], "error": {"code": -32602, "message": "Unknown tool"}})
"""

META = {"progressToken": 1}


def request(identity: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


TRAFFIC: list[Any] = [
    request(
        0,
        "initialize",
        protocolVersion="2025-11-25",
        capabilities={},
        clientInfo={"name": "c", "version": "1"},
    ),
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    request(1, "tools/call", name="ok", arguments={"path": "写真"}, _meta=META),
    request("1", "tools/call", name="bad", arguments={"token": PLANTED}),
    {"jsonrpc": "2.0", "id": "roots", "result": {"roots": []}},
    [request(2, "tools/call", name="odd"), request(3, "tools/call", name="ok")],
    request(4, "tools/call", name="silent"),
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4, "reason": "late"}},
    request(5, "tools/call", name="never"),
]

MESSAGES = """
SELECT message_type, method, params, result, error, rpc_id, server_name, direction FROM mcp_messages
WHERE cc_instance_id = $1 AND server_name = 'stub'
"""
CALLS = """
SELECT tool_name, status, arguments, result, error_details, server_name FROM mcp_tool_calls
WHERE cc_instance_id = $1 AND server_name = 'stub'
"""
STATES = """
SELECT tool_name, status FROM mcp_tool_calls WHERE cc_instance_id = $1 AND server_name = 'stub' ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A connection to the test's database, and whose settings it has."""

    settings: Settings
    plain: "asyncpg.Connection[asyncpg.Record]"

    async def rows(self, sql: str, instance: UUID) -> list[str]:
        """The rows of an instance as texts, whatever their order."""
        return sorted(repr(tuple(row)) for row in await self.plain.fetch(sql, instance))


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    assert settings.database_url is not None
    plain = await asyncpg.connect(settings.database_url.get_secret_value())
    yield Database(settings, plain)
    await plain.close()


async def ingest_token(settings: Settings) -> str:
    async with open_database(settings) as opened, opened.transaction() as connection:
        policy = TokenPolicy(settings.signing_key())
        issued = await issue_for_username(connection, policy, "lead", Origin(), kind=TokenType.INGEST)
        return issued.token


async def joined(client: httpx.AsyncClient, person: Person) -> UUID:
    """An instance of the person."""
    agent = Agent(client, "/mcp", person.token, LEGACY, UUID(str(uuid7())))
    await agent.call("join_project", project=person.project_id, name="Lead")
    assert agent.instance is not None
    return agent.instance


async def test_rows_are_those_of_an_import(
    live_server: LiveServer, client: httpx.AsyncClient, person: Person, database: Database, tmp_path: Path
) -> None:
    recorded, imported = await joined(client, person), await joined(client, person)
    said = b"".join(json.dumps(message).encode() + b"\n" for message in TRAFFIC)
    variables = {
        "CCGRAPH_URL": live_server.url,
        "CCGRAPH_INGEST_TOKEN": await ingest_token(database.settings),
        "CLAUDE_CODE_SESSION_ID": str(recorded),
    }
    done = passed(said, ["python3", "-c", SERVER], tmp_path, variables)
    answered = [json.loads(line) for line in done.stdout.splitlines()]
    reason = {"requestId": 5, "reason": "The connection was closed before an answer came."}
    ended = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": reason}
    traffic = [(message, "client") for message in [*TRAFFIC, ended]]
    traffic += [(message, "server") for message in answered]
    file = tmp_path / "traffic.jsonl"
    lines = [
        json.dumps(
            {"server": "stub", "direction": direction, "message": message, "at": f"2026-01-31T12:00:{at:02}Z"}
        )
        for at, (message, direction) in enumerate(traffic)
    ]
    file.write_text("\n".join(lines))
    async with open_database(database.settings) as opened:
        principal = Principal(person.user_id, "lead", is_admin=False)
        assert (await import_file(opened, principal, imported, file)).recorded == len(traffic) + 1

    wanted = await database.rows(MESSAGES, imported)

    async def there() -> bool:
        return len(await database.rows(MESSAGES, recorded)) >= len(wanted)

    await until(there)
    assert await database.rows(MESSAGES, recorded) == wanted
    assert await database.rows(CALLS, recorded) == await database.rows(CALLS, imported)
    states = await database.plain.fetch(STATES, recorded)
    assert [tuple(row) for row in states] == [
        ("bad", "failed"),
        ("never", "failed"),
        ("odd", "failed"),
        ("ok", "completed"),
        ("ok", "completed"),
        ("silent", "failed"),
    ]
    assert PLANTED not in repr(wanted)


async def test_an_instance_that_is_there_later_gets_what_was_said_before(
    live_server: LiveServer, client: httpx.AsyncClient, person: Person, database: Database, tmp_path: Path
) -> None:
    later = UUID(str(uuid7()))
    variables = {
        "CCGRAPH_URL": live_server.url,
        "CCGRAPH_INGEST_TOKEN": await ingest_token(database.settings),
        "CLAUDE_CODE_SESSION_ID": str(later),
    }
    said = json.dumps(request(1, "ping")).encode() + b"\n"
    passed(said, ["cat"], tmp_path, variables)
    await until(lambda: bool([*tmp_path.rglob("*.jsonl")]))
    agent = Agent(client, "/mcp", person.token, LEGACY, later)
    await agent.call("join_project", project=person.project_id, name="Lead")
    passed(b"", ["cat"], tmp_path, variables)

    async def there() -> bool:
        return len(await database.rows(MESSAGES, later)) == 2

    await until(there)
    await until(lambda: not [*tmp_path.rglob("*.jsonl")])


async def test_the_receiver_says_what_it_takes(
    live_server: LiveServer, client: httpx.AsyncClient, person: Person, database: Database
) -> None:
    instance = await joined(client, person)
    header = {"authorization": f"Bearer {await ingest_token(database.settings)}"}
    url = f"{live_server.url}/ingest/mcp"

    async def send(body: Any) -> tuple[int, Any]:
        answer = await client.post(url, json=body, headers=header)
        return answer.status_code, answer.json()

    item = {"server": "stub", "at": "2026-01-31T12:00:00Z", "message": request(1, "ping")}
    given = {"instance": str(instance), "messages": [item, 7, {"message": {"jsonrpc": "2.0"}}]}
    status, told = await send(given)
    assert (status, told["stored"], told["unreadable"]) == (200, 1, 2)
    assert "JSON-RPC" in told["warning"]
    assert await send({**given, "messages": [item]}) == (200, {"stored": 0, "unreadable": 0})
    assert await send({**given, "messages": []}) == (200, {"stored": 0, "unreadable": 0})
    for odd in (
        7,
        {},
        {"instance": 1, "messages": []},
        {"instance": "x", "messages": []},
        {"messages": [item]},
    ):
        assert (await send(odd))[0] == 400
    assert (await send({**given, "instance": str(uuid7())}))[0] == 404
    assert (
        await client.post(url, json=given, headers={"authorization": f"Bearer {person.token}"})
    ).status_code == 401
    assert len(await database.rows(MESSAGES, instance)) == 1
