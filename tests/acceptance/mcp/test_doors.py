"""Who is let in at /mcp, what is counted there, and what both revisions are told."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.mcp.endpoint import MOST_BODY
from app.mcp.tools.all import TOOLS
from tests.support.agents import LEGACY, MODERN, Agent, Person, enrol
from tests.support.hours import hold_the_hour
from tests.support.waiting import until

ASK = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture
def headers(person: Person) -> dict[str, str]:
    """Of a request that is let in."""
    return {
        "authorization": f"Bearer {person.token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": LEGACY,
    }


async def test_without_a_token_nothing_is_told(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for authorization in (None, "Bearer nonsense", "Basic Zm9v"):
        sent = {name: value for name, value in headers.items() if name != "authorization"}
        if authorization is not None:
            sent["authorization"] = authorization
        response = await client.post("/mcp", json=ASK, headers=sent)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="ccgraph"'
        assert response.json()["error"]["data"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://evil.example:8000", "host": "evil.example:8000"}, 403),  # DNS rebinding
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, 200),
        ({"content-type": "text/plain"}, 415),
        ({"x-ccgraph-instance": "7"}, 400),
    ],
)
async def test_what_a_foreign_page_could_send_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], given: dict[str, str], status: int
) -> None:
    sent = {**headers, "content-type": "application/json", **given}
    response = await client.post("/mcp", content=json.dumps(ASK), headers=sent)
    assert response.status_code == status, response.text
    if status != 200:
        assert response.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_no_session(client: httpx.AsyncClient, headers: dict[str, str], method: str) -> None:
    response = await client.request(method, "/mcp", headers=headers)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_a_body_is_bounded(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post(
        "/mcp",
        content=json.dumps({**ASK, "params": {"x": "x" * MOST_BODY}}),
        headers={**headers, "content-type": "application/json"},
    )
    assert response.status_code == 413
    assert f"at most {MOST_BODY} bytes" in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b'{"a": "\\ud800"}', b"[" * 100_000, b"\xff", b"[]", b"7", b"null"])
@pytest.mark.parametrize("version", [LEGACY, MODERN, "1999-01-01", ""])
async def test_what_is_no_message_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], body: bytes, version: str
) -> None:
    sent = {**headers, "content-type": "application/json", "mcp-protocol-version": version}
    response = await client.post("/mcp", content=body, headers=sent)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"id": None}, "`id`"),
        ({"id": True}, "`id`"),
        ({"id": 1.5}, "`id`"),
        ({"id": [1]}, "`id`"),
        ({"jsonrpc": "1.0"}, '"2.0"'),
        ({"method": 7}, "`method`"),
        ({"method": None}, "`method`"),
        ({"params": ["fleet_status"]}, "`params`"),
        ({"params": "fleet_status"}, "`params`"),
    ],
)
async def test_what_is_odd_in_a_message_is_said(lead: Agent, odd: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"name": "fleet_status", "arguments": {}}
    message = {**lead.message("tools/call", given), **odd}
    response = await lead.client.post("/mcp", json=message, headers=lead.headers("tools/call", given))
    assert response.status_code == 400
    sentence = response.json()["error"]["message"]
    assert told in sentence
    assert len(sentence) < 100
    response = await lead.client.post("/mcp", json=[message], headers=lead.headers("tools/call", given))
    assert response.json()["error"]["message"].startswith("Send one message")


@pytest.mark.parametrize("arguments", ["{}", [], 7])
async def test_arguments_that_are_no_object_are_told_to_the_model(
    lead: Agent, arguments: Any, revision: str
) -> None:
    result = await lead.ask("tools/call", name="fleet_status", arguments=arguments)
    assert result["isError"]
    assert "as an object" in result["content"][0]["text"]
    assert result.get("resultType") == ("complete" if revision == MODERN else None)


async def test_calls_are_counted(
    client: httpx.AsyncClient, settings: Settings, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_the_hour(monkeypatch)
    person = await enrol(settings, "busy", calls=3)
    agent = Agent(client, "/mcp", person.token, revision, UUID(str(uuid7())))
    await agent.call("join_project")
    for _ in range(2):
        await agent.ask("tools/list")
    text = await agent.refusal("claim_next_task")
    assert text.startswith("RATE_LIMITED: ")
    refused = await agent.send("tools/list")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


async def test_a_revoked_token_is_refused(lead: Agent, settings: Settings) -> None:
    from app.database.pools import open_database

    async with open_database(settings) as database, database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE auth_tokens SET is_active = false")

    async def is_refused() -> bool:
        return (await lead.send("tools/list")).status_code == 401

    await until(is_refused)


async def test_both_revisions_are_told_the_same(lead: Agent, revision: str) -> None:
    if revision == MODERN:
        met = await lead.ask("server/discover")
    else:
        met = await lead.ask(
            "initialize",
            protocolVersion=LEGACY,
            capabilities={},
            clientInfo={"name": "tests", "version": "1"},
        )
        assert met["protocolVersion"] == LEGACY
    assert "join_project" in met["instructions"]
    assert len(met["instructions"]) < 2_000
    assert set(met["capabilities"]) >= {"tools", "resources", "prompts"}
    assert met["capabilities"]["resources"].get("subscribe") is (revision == MODERN)


async def test_tools_say_when_to_use_them(lead: Agent) -> None:
    tools = (await lead.ask("tools/list"))["tools"]
    assert [tool["name"] for tool in tools] == [*TOOLS]
    for tool in tools:
        assert 40 < len(tool["description"]) < 300
        assert tool["inputSchema"]["additionalProperties"] is False
        assert tool["outputSchema"]["type"] == "object"
        assert set(tool["annotations"]) >= {"readOnlyHint", "destructiveHint", "idempotentHint"}
    assert len(json.dumps(tools)) < 40_000


async def test_resources_are_listed_and_read(lead: Agent, person: Person) -> None:
    [project] = (await lead.ask("resources/list"))["resources"]
    assert project["uri"] == f"ccgraph://projects/{person.project_id}"
    assert len((await lead.ask("resources/templates/list"))["resourceTemplates"]) == 3
    for uri in (project["uri"], f"ccgraph://instances/{lead.instance}"):
        [content] = (await lead.ask("resources/read", uri=uri))["contents"]
        assert content["mimeType"] == "application/json"
        assert json.loads(content["text"])["name"]
    for uri in (
        "ccgraph://tasks/7",
        "ccgraph://cooks/x",
        "http://evil.example",
        f"ccgraph://tasks/{lead.instance}",
    ):
        assert (await lead.error("resources/read", uri=uri))["code"] == -32602


@pytest.mark.parametrize(("language", "word"), [("en", "claim_next_task"), ("ja", "作業者")])
async def test_prompts_are_written_in_two_languages(lead: Agent, language: str, word: str) -> None:
    names = [prompt["name"] for prompt in (await lead.ask("prompts/list"))["prompts"]]
    assert names == ["plan_work", "work_loop"]
    arguments = {"language": language, "taskTypes": "TESTING"}
    told = await lead.ask("prompts/get", name="work_loop", arguments=arguments)
    text = told["messages"][0]["content"]["text"]
    assert word in text
    assert "TESTING" in text
    told = await lead.ask(
        "prompts/get", name="plan_work", arguments={"goal": "A {kinds} bridge", "language": language}
    )
    assert "A {kinds} bridge" in told["messages"][0]["content"]["text"]
    assert "goal" in (await lead.error("prompts/get", name="plan_work", arguments={}))["message"]
    assert (
        "en and ja"
        in (await lead.error("prompts/get", name="work_loop", arguments={"language": "fr"}))["message"]
    )


async def test_what_is_not_offered_is_an_error_of_the_protocol(lead: Agent) -> None:
    assert (await lead.error("tools/call", name="rm_rf", arguments={}))["code"] == -32602
    assert (await lead.error("nothing/such"))["code"] == -32601
