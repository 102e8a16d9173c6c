"""A server that speaks HTTP, for a client on stdio: messages as they are, sessions, streams, refusals."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.connect.mcp_servers import HEADER
from tests.integration.proxy.test_recording import INSTANCE, PATH, variables
from tests.support.bridges import CCGRAPH
from tests.support.ingest_receiver import Received
from tests.support.ingest_receiver import receiving as ingesting
from tests.support.proxied import environment
from tests.support.receivers import Got, Receiver, Reply, receiving
from tests.support.waiting import PATIENCE, until

JSON = (("content-type", "application/json"),)
STREAM = (("content-type", "text/event-stream"),)
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

Answer = Callable[[Any, Got], Reply]


def reply(value: Any, *headers: tuple[str, str]) -> Reply:
    return Reply(200, json.dumps(value).encode(), (*JSON, *headers))


def result(message: Any, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message["id"], "result": more}


class Remote:
    """A server with sessions, as revision 2025-11-25 has them; a text in place of a tool is its answer."""

    def __init__(self) -> None:
        self.sessions = 0
        self.known = ""
        self.told: list[bytes] = []

    def __call__(self, got: Got) -> Reply:
        if got.method == "DELETE":
            self.known = ""
            return Reply(204, b"")
        if got.method == "GET":
            return Reply(200, b"".join(self.told), STREAM) if self.told else Reply(405, b"")
        message = got.json
        if isinstance(message, list):
            return reply([result(one) for one in message])
        method = message.get("method")
        if method == "initialize":
            self.sessions += 1
            self.known = f"s{self.sessions}"
            return reply(result(message, protocolVersion="2025-11-25"), ("mcp-session-id", self.known))
        if self.known and got.header("mcp-session-id") != self.known:
            return Reply(
                404, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}'
            )
        if "id" not in message or method is None:
            return Reply(202, b"")
        name = message.get("params", {}).get("name")
        if name == "stream":
            progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
            events = [f"event: message\ndata: {json.dumps(one)}\n\n" for one in (progress, result(message))]
            return Reply(200, ": keep alive\n\n".join(events).encode(), STREAM)
        if name == "refused":
            error = {
                "jsonrpc": "2.0",
                "id": message["id"],
                "error": {"code": -32602, "message": "No such tool"},
            }
            return Reply(400, json.dumps(error).encode(), JSON)
        if name == "forbidden":
            return Reply(403, b"Forbidden")
        return reply(result(message))


class Client:
    """A client at both ends of the proxy."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def say(self, line: bytes | dict[str, Any] | list[Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, identity: object, method: str, **params: Any) -> Any:
        self.say({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return self.hear()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0


@contextmanager
def proxy(url: str, cwd: Path, **given: str) -> Iterator[Client]:
    process = subprocess.Popen(
        [CCGRAPH, "mcp-proxy", "--server", "stub"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=environment(
            HOME=str(cwd), CCGRAPH_MCP_URL=url, **{f"{HEADER}1": "Authorization: Bearer abc"}, **given
        ),
    )
    try:
        yield Client(process)
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait(PATIENCE)


@pytest.fixture
def remote() -> Remote:
    return Remote()


async def asked(remote: Remote, tmp_path: Path, work: Callable[[Client], None], **given: str) -> Receiver:
    """What has come to the server while a client worked."""
    import asyncio

    async with receiving(remote) as receiver:
        with proxy(f"{receiver.url}/x/mcp?key=1", tmp_path, **given) as client:
            await asyncio.to_thread(work, client)
        return receiver


async def test_a_session_is_held_and_ended(remote: Remote, tmp_path: Path) -> None:
    def work(client: Client) -> None:
        assert client.ask(0, "initialize", protocolVersion="2025-11-25")["result"] == {
            "protocolVersion": "2025-11-25"
        }
        client.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert client.ask("a", "tools/call", name="x")["id"] == "a"
        client.say([{"jsonrpc": "2.0", "id": 5, "method": "ping"}])
        assert [one["id"] for one in client.hear()] == [5]
        client.end()

    receiver = await asked(remote, tmp_path, work)
    assert {got.target for got in receiver.got} == {"/x/mcp?key=1"}
    assert {got.header("authorization") for got in receiver.got} == {"Bearer abc"}
    first, *others = receiver.got
    assert "mcp-session-id" not in dict(first.headers)
    assert {got.header("mcp-session-id") for got in others} == {"s1"}
    assert {got.header("mcp-protocol-version") for got in others} == {"2025-11-25"}
    assert {got.method for got in others} == {"POST", "GET", "DELETE"}
    assert others[-1].method == "DELETE"


async def test_messages_go_on_as_they_are_written(remote: Remote, tmp_path: Path) -> None:
    params = '{"n":12345678901234567890.5, "e":"é\\u00e9"}'
    line = f'{{"jsonrpc": "2.0","id":1.0, "method":"ping","params":{params}}}'.encode()

    def work(client: Client) -> None:
        client.say(line)
        assert client.hear()["id"] == 1.0
        client.end()

    receiver = await asked(remote, tmp_path, work)
    assert [got.body for got in receiver.got] == [line]


async def test_an_answer_may_be_a_stream(remote: Remote, tmp_path: Path) -> None:
    def work(client: Client) -> None:
        first = client.ask(1, "tools/call", name="stream", _meta=META)
        assert (first["method"], client.hear()["id"]) == ("notifications/progress", 1)
        client.end()

    [got] = (await asked(remote, tmp_path, work)).got
    assert (got.header("mcp-protocol-version"), got.header("mcp-method")) == ("2026-07-28", "tools/call")
    assert got.header("mcp-name") == "stream"


async def test_refusals_reach_the_client_as_errors(remote: Remote, tmp_path: Path) -> None:
    def work(client: Client) -> None:
        assert client.ask(1, "tools/call", name="refused")["error"] == {
            "code": -32602,
            "message": "No such tool",
        }
        error = client.ask(2, "tools/call", name="forbidden")["error"]
        assert (error["code"], "403" in error["message"]) == (-32000, True)
        client.end()

    await asked(remote, tmp_path, work)


async def test_a_session_that_the_server_has_forgotten_is_begun_anew(remote: Remote, tmp_path: Path) -> None:
    def work(client: Client) -> None:
        client.ask(0, "initialize")
        client.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        remote.known = "another"
        assert client.ask(1, "ping")["result"] == {}
        client.end()

    await asked(remote, tmp_path, work)
    assert remote.sessions == 2


async def test_what_the_server_tells_unasked_arrives(remote: Remote, tmp_path: Path) -> None:
    told = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    remote.told = [f"data: {json.dumps(told)}\n\n".encode()]

    def work(client: Client) -> None:
        client.ask(0, "initialize")
        client.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert client.hear() == told
        client.end()

    await asked(remote, tmp_path, work)


async def test_what_is_said_is_recorded(remote: Remote, tmp_path: Path) -> None:
    with ingesting() as record:

        def work(client: Client) -> None:
            client.ask(1, "tools/call", name="stream")
            client.hear()
            client.end()

        await asked(remote, tmp_path, work, **variables(record.url))
        await until(lambda: len(recorded(record)) == 3)
        assert [(one["direction"], one["message"].get("id")) for one in recorded(record)] == [
            ("client", 1),
            ("server", None),
            ("server", 1),
        ]


def recorded(record: Received) -> list[Any]:
    bodies = record.of(PATH)
    assert {body["instance"] for body in bodies} <= {str(INSTANCE)}
    return [item for body in bodies for item in body["messages"]]


def test_a_command_or_a_url_is_needed(tmp_path: Path) -> None:
    command = [CCGRAPH, "mcp-proxy", "--server", "x"]
    done = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=environment(), check=False, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--url" in done.stderr
    command += ["--url", "nonsense"]
    done = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=environment(), check=False, text=True
    )
    assert done.returncode == 1
    assert "nonsense is not the address" in done.stderr
