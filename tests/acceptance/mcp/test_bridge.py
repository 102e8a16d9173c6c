"""`ccgraph mcp`: what a client says on stdio reaches the server as the session that it is of."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import pytest

from app.bridge.session import instance_of
from app.config.settings import Settings
from app.database.pools import open_database
from services.fleet import keys
from tests.acceptance.mcp.conftest import Held
from tests.support.agents import MODERN, NONE_READY, Person
from tests.support.bridges import Bridged, bridged
from tests.support.processes import serving
from tests.support.serving import LiveServer, served
from tests.support.waiting import until

SESSION = str(uuid4())


@pytest.fixture
async def bridge(live_server: LiveServer, person: Person, tmp_path: Path) -> AsyncIterator[Bridged]:
    """One that has begun in a session of Claude Code."""
    variables = {"CCGRAPH_TOKEN": person.token, "CLAUDE_CODE_SESSION_ID": SESSION}
    async with bridged("--url", live_server.url, cwd=tmp_path, **variables) as bridge:
        yield bridge


async def test_a_session_works_as_its_instance(bridge: Bridged) -> None:
    met = await bridge.begin()
    assert met["serverInfo"]["name"] == "ccgraph"
    assert met["capabilities"]["resources"]["subscribe"] is True
    joined = await bridge.call("join_project", name="Lead")
    assert joined["structuredContent"]["instance"]["id"] == SESSION
    plan = [{"name": "設計する", "taskType": "DESIGN", "instruction": "一行目\n二行目"}]
    await bridge.call("add_tasks", tasks=plan)
    claimed = (await bridge.call("claim_next_task"))["structuredContent"]["task"]
    assert (claimed["instruction"], claimed["assignedToId"]) == ("一行目\n二行目", SESSION)
    done = await bridge.call("complete_task", taskId=claimed["id"])
    assert done["structuredContent"]["task"]["status"] == "COMPLETED"


async def test_both_revisions_are_spoken(bridge: Bridged) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    met = await bridge.ask("server/discover", _meta=meta)
    assert MODERN in met["result"]["supportedVersions"]
    joined = await bridge.ask("tools/call", name="join_project", arguments={}, _meta=meta)
    assert joined["result"]["structuredContent"]["instance"]["id"] == SESSION
    wanted = {"resourceSubscriptions": [f"ccgraph://instances/{SESSION}"]}
    stream = {"notifications": wanted, "_meta": meta}
    await bridge.say({"jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen", "params": stream})
    assert (await bridge.hear())["method"] == "notifications/subscriptions/acknowledged"
    child = {"name": "Worker"}
    await bridge.ask("tools/call", name="create_child_cc", arguments=child, _meta=meta)
    told = [*bridge.heard, *([] if bridge.heard else [await bridge.hear()])]
    assert [message["method"] for message in told] == ["notifications/resources/updated"]
    await bridge.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "s"}})


async def test_a_client_of_the_older_revision_can_subscribe(bridge: Bridged, held: Held) -> None:
    await bridge.begin()
    await bridge.call("join_project")
    uri = f"ccgraph://instances/{SESSION}"
    assert (await bridge.ask("resources/subscribe", uri=uri))["result"] == {}
    await until(lambda: held.streams == 1)
    await bridge.call("create_child_cc", name="Worker")
    told = bridge.heard.pop() if bridge.heard else await bridge.hear()
    assert told == {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}
    assert (await bridge.ask("resources/unsubscribe", uri=uri))["result"] == {}
    await until(lambda: held.streams == 0)
    await bridge.call("create_child_cc", name="Another")
    await bridge.ask("ping")
    assert bridge.heard == []


async def test_what_is_cancelled_is_not_answered(bridge: Bridged, settings: Settings, held: Held) -> None:
    await bridge.begin()
    await bridge.call("join_project")
    params = {"name": "claim_next_task", "arguments": {"waitSeconds": 50}, "_meta": {"progressToken": 1}}
    await bridge.say({"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": params})
    await until(lambda: held.calls == 1)
    await bridge.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "w"}})
    await until(lambda: held.calls == 0)
    added = await bridge.call("add_tasks", tasks=[{"name": "Free", "taskType": "DESIGN"}])
    assert "structuredContent" in added, added
    async with open_database(settings) as database, database.transaction() as connection:
        assert (await connection.exec_driver_sql("SELECT status FROM tasks")).scalar_one() == "PENDING"
    assert bridge.heard == []


async def test_calls_go_side_by_side(bridge: Bridged) -> None:
    await bridge.begin()
    await bridge.call("join_project")
    params = {"name": "claim_next_task", "arguments": {"waitSeconds": 50}}
    await bridge.say({"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": params})
    await bridge.call("add_tasks", tasks=[{"name": "Free", "taskType": "DESIGN"}])
    answers = [message for message in bridge.heard if message.get("id") == "w"]
    answer = answers[0] if answers else await bridge.hear_answer("w")
    assert answer["result"]["structuredContent"]["task"]["name"] == "Free"


async def test_odd_lines_do_not_end_it(bridge: Bridged) -> None:
    for line in (b"{", b'"text"', b"[7]", b"[" * 100_000):
        await bridge.say_raw(line)
        assert (await bridge.hear())["error"]["code"] in (-32700, -32600)
    await bridge.say_raw(b"")
    await bridge.say_raw(json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).encode())
    assert (await bridge.hear())["result"] == {}
    assert "error" in await bridge.ask("nothing/such")


async def test_a_server_that_is_away_is_told_of(person: Person, tmp_path: Path) -> None:
    variables = {"CCGRAPH_TOKEN": person.token, "CLAUDE_CODE_SESSION_ID": SESSION}
    async with bridged("--url", "http://127.0.0.1:9", cwd=tmp_path, **variables) as bridge:
        result = await bridge.call("claim_next_task")
        assert result["isError"]
        assert "ccgraph serve" in result["content"][0]["text"]


async def test_it_goes_on_with_a_server_that_starts_anew(
    settings: Settings, person: Person, tmp_path: Path
) -> None:
    variables = {"CCGRAPH_TOKEN": person.token, "CLAUDE_CODE_SESSION_ID": SESSION}
    with served(settings) as first:
        port = int(first.url.rpartition(":")[2])
        bridge_life = bridged("--url", first.url, cwd=tmp_path, **variables)
        bridge = await bridge_life.__aenter__()
        await bridge.begin()
        await bridge.call("join_project")
    waiting = asyncio.create_task(bridge.call("claim_next_task"))
    await asyncio.sleep(0.5)
    with served(settings.model_copy(update={"port": port})):
        assert (await waiting)["structuredContent"] == NONE_READY
        await bridge_life.__aexit__(None, None, None)


@pytest.fixture
def placed() -> Iterator[tuple[str, list[str | None]]]:
    """A server of several: it answers as it does behind replicas. What clients say of their own writes."""
    said: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said.append(self.headers["ccgraph-position"])
            meta = {"ccgraph/position": str(2**62 + len(said))} if message["method"] == "tools/call" else {}
            result = {"content": [{"type": "text", "text": '{"ccgraph/position": "7"}'}], "_meta": meta}
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", said
        server.shutdown()


async def test_what_it_wrote_is_read_through_whichever_process(
    placed: tuple[str, list[str | None]], tmp_path: Path
) -> None:
    url, said = placed
    async with bridged("--url", url, cwd=tmp_path, CCGRAPH_TOKEN="not-asked") as bridge:
        await bridge.call("claim_next_task")
        await bridge.ask("resources/list")
        await bridge.call("claim_next_task")
        await bridge.ask("resources/list")
    assert said == ["0", str(2**62 + 1), str(2**62 + 1), str(2**62 + 3)]


async def test_a_token_that_is_refused_is_told_of(live_server: LiveServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("nonsense\n")
    async with bridged("--url", live_server.url, "--token-file", str(file), cwd=tmp_path) as bridge:
        answer = await bridge.ask("tools/list")
    assert "access token" in answer["error"]["message"]


async def test_on_the_machine_of_the_server_nothing_has_to_be_said(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    command = ["serve", "--demo"]
    # Where servers of this user run is written down in the folder for temporary files.
    temporary = {"TMPDIR": str(tmp_path)}
    with serving(command, folder, **temporary):
        async with bridged(cwd=tmp_path, CLAUDE_CODE_SESSION_ID=SESSION, **temporary) as bridge:
            await bridge.begin()
            answer = await bridge.call("query", query="{ me { username } }")
        assert answer["structuredContent"]["data"]["me"]["username"] == "demo"
        [file] = [*tmp_path.glob("ccgraph-*/*.token")]  # noqa: ASYNC240 - a folder of the test
        assert file.stat().st_mode & 0o777 == 0o600
        for kept in (file.read_text(), "refused"):
            file.write_text(kept)
            async with bridged(cwd=tmp_path, CLAUDE_CODE_SESSION_ID=SESSION, **temporary) as bridge:
                assert "result" in await bridge.ask("tools/list")
            assert (file.read_text() == kept) == (kept != "refused"), "agents share what is good"
    assert not file.exists(), "it ends with the server"


def test_the_instance_is_that_of_the_session() -> None:
    assert instance_of(None, {}) is None
    assert instance_of(None, {"CLAUDE_CODE_SESSION_ID": SESSION}) == UUID(SESSION)
    assert instance_of(None, {"CLAUDE_CODE_SESSION_ID": "x"}) == keys.session("x")
    other = str(uuid4())
    assert instance_of(None, {"CCGRAPH_INSTANCE": other, "CLAUDE_CODE_SESSION_ID": SESSION}) == UUID(other)
    assert instance_of(other, {"CCGRAPH_INSTANCE": SESSION}) == UUID(other)
    with pytest.raises(ValueError, match="badly formed"):
        instance_of("seven", {})
