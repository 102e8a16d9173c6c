"""What passes a proxy is kept on the disk, in bounds, and reaches the server sooner or later."""

import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.connect.client import Client, server_of
from app.connect.mcp_spool import Spool
from app.proxy.copies import Copies
from app.proxy.frames import CLIENT, SERVER, Frame, Frames
from app.proxy.keeping import GAP, Keeper
from app.proxy.lines import LONGEST
from tests.support.ingest_receiver import TOKEN, Received, receiving
from tests.support.proxied import passed, proxied
from tests.support.waiting import PATIENCE, until

INSTANCE = uuid4()
PATH = "/ingest/mcp"

ANSWERING = [
    "python3",
    "-c",
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    told = json.loads(line)\n"
    "    if 'id' in told and told['params']['name'] != 'silent':\n"
    "        answer = {'jsonrpc': '2.0', 'id': told['id'], 'result': {'content': []}}\n"
    "        print(json.dumps(answer), flush=True)\n",
]


@pytest.fixture
def server() -> Iterator[Received]:
    """Takes what is recorded."""
    with receiving() as received:
        yield received


def variables(url: str) -> dict[str, str]:
    """What has a proxy record for a server."""
    return {
        "CCGRAPH_URL": url,
        "CCGRAPH_INGEST_TOKEN": TOKEN,
        "CLAUDE_CODE_SESSION_ID": str(INSTANCE),
        "CLAUDE_CONFIG_DIR": "claude",
    }


def call(identity: object, name: str = "x") -> bytes:
    message = {"jsonrpc": "2.0", "id": identity, "method": "tools/call", "params": {"name": name}}
    return json.dumps(message).encode() + b"\n"


def came(server: Received) -> list[dict[str, Any]]:
    """The messages that have come, as a recorder wraps them."""
    bodies = server.of(PATH)
    assert {body["instance"] for body in bodies} <= {str(INSTANCE)}
    return [item for body in bodies for item in body["messages"]]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


async def test_both_sides_are_sent_while_they_speak(server: Received, tmp_path: Path) -> None:
    with proxied(*ANSWERING, cwd=tmp_path, variables=variables(server.url)) as proxy:
        assert proxy.stdin is not None
        proxy.stdin.write(call(1))
        await until(lambda: len(came(server)) == 2)
        asked, answered = came(server)
        assert (asked["server"], asked["direction"], asked["message"]) == (
            "stub",
            "client",
            json.loads(call(1)),
        )
        assert (answered["direction"], answered["message"]["id"]) == ("server", 1)
        assert asked["at"] < answered["at"]
        proxy.stdin.close()
        assert proxy.wait(PATIENCE) == 0
    await until(lambda: not files(tmp_path))


async def test_what_a_proxy_leaves_at_its_end_is_sent(server: Received, tmp_path: Path) -> None:
    passed(call("a") + call(2, "silent").rstrip(), ANSWERING, tmp_path, variables(server.url))
    await until(lambda: len(came(server)) == 4)
    told = [
        (item["direction"], item["message"].get("method"), item["message"].get("id")) for item in came(server)
    ]
    assert sorted(told, key=str) == [
        ("client", "notifications/cancelled", None),
        ("client", "tools/call", "a"),
        ("client", "tools/call", 2),
        ("server", None, "a"),
    ]
    [ended] = [item["message"] for item in came(server) if "cancelled" in item["message"].get("method", "")]
    assert ended["params"]["requestId"] == 2


async def test_a_proxy_that_is_killed_has_recorded(server: Received, tmp_path: Path) -> None:
    with proxied(*ANSWERING, cwd=tmp_path, variables=variables(server.url)) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        proxy.stdin.write(call(1))
        proxy.stdout.read(5)
        await until(lambda: len(came(server)) == 2 or bool(files(tmp_path)))
        proxy.send_signal(signal.SIGKILL)
        await until(lambda: len(came(server)) == 2)


async def test_what_cannot_be_sent_waits_for_the_next_proxy(server: Received, tmp_path: Path) -> None:
    server.refuse = lambda path, body: (503, {"Retry-After": "1"})
    passed(call(1), ANSWERING, tmp_path, variables(server.url))
    await until(lambda: bool(files(tmp_path)))
    for file in files(tmp_path):  # two, where so much time went by between the messages that one was ended
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    server.refuse = lambda path, body: None
    with proxied("cat", cwd=tmp_path, variables=variables(server.url)):
        await until(lambda: len(came(server)) == 2)
    assert [item["message"].get("id") for item in came(server)] == [1, 1]


async def test_lines_that_are_no_messages_or_too_long_take_no_others_with_them(
    server: Received, tmp_path: Path
) -> None:
    long = b'{"jsonrpc":"2.0","id":5,"result":{"text":"' + b"x" * LONGEST + b'"}}\n'
    content = b"Server started\n" + b"y" * (LONGEST + 1) + b"\n" + long + call(1)
    assert passed(content, ["cat"], tmp_path, variables(server.url)).stdout == content
    await until(lambda: len(came(server)) == 8)
    of_client = [item["message"] for item in came(server) if item["direction"] == "client"]
    [gap] = [message for message in of_client if message.get("method") == GAP]
    assert gap["params"]["bytes"] == LONGEST + 1
    [cut] = [message for message in of_client if "result" in message]
    assert (cut["id"], cut["result"]["_meta"]) == (5, {"dev.ccgraph/leftOut": {"bytes": len(long) - 1}})


def read_spool(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files(folder) for line in file.read_text().splitlines()]


def test_a_full_spool_leaves_a_gap_that_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000)
    keeper = Keeper(spool, INSTANCE, "stub")
    for number in range(10):
        keeper.keep(CLIENT, number * 1_000_000_000, b'{"jsonrpc":"2.0","method":"x"}')
    keeper.rotate()
    kept = read_spool(tmp_path)
    assert 0 < len(kept) < 10
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 1_000
    for file in files(tmp_path):
        file.unlink()
    keeper = Keeper(spool, INSTANCE, "stub")
    keeper.lost(CLIENT, 5_000_000_000, 7, "Lost.")
    keeper.keep(CLIENT, 6_000_000_000, b'{"jsonrpc":"2.0","method":"x"}')
    keeper.close()
    gap, after = read_spool(tmp_path)
    assert gap["message"] == {"jsonrpc": "2.0", "method": GAP, "params": {"reason": "Lost.", "bytes": 7}}
    assert after["message"]["method"] == "x"


def test_room_that_comes_back_is_used_behind_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.proxy.keeping._LOOKING", -1.0)
    keeper = Keeper(Spool(tmp_path, 1_000), INSTANCE, "stub")
    text = b'{"jsonrpc":"2.0","method":"x"}'
    for number in range(20):
        keeper.keep(SERVER, number * 1_000_000, text)
    keeper.rotate()
    kept = len(read_spool(tmp_path))
    for file in files(tmp_path):
        file.unlink()
    keeper.keep(SERVER, 99_000_000, text)
    keeper.close()
    gap, after = read_spool(tmp_path)
    assert gap["message"]["params"]["bytes"] == (20 - kept) * len(text)
    assert gap["at"] < after["at"]


def test_a_file_that_is_written_is_not_sent_and_one_of_a_killed_writer_is(
    server: Received, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.make()
    client = Client(server_of(server.url), TOKEN)
    item = b'{"at":"2026-01-31T12:00:00+00:00","message":{"jsonrpc":"2.0","method":"x"}}'
    descriptor = spool.begin(INSTANCE)
    os.write(descriptor, item + b"\n" + item[:20])
    assert spool.send(client) is None
    assert server.of(PATH) == []
    os.close(descriptor)
    assert spool.send(client) is None
    assert server.of(PATH) == [{"instance": str(INSTANCE), "messages": [json.loads(item)]}]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "kept"), [(200, 0), (400, 0), (403, 0), (404, 1), (409, 1), (413, 0), (401, 1), (503, 1)]
)
def test_what_will_never_be_taken_is_given_up(
    status: int, kept: int, server: Received, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.make()
    server.refuse = lambda path, body: None if status == 200 else (status, {})
    descriptor = spool.begin(UUID(int=1))
    os.write(descriptor, b'{"message":{}}\n{"message":{}}\n')
    os.close(descriptor)
    answer = spool.send(Client(server_of(server.url), TOKEN))
    assert (answer.status if answer else None) == (status if status in (401, 503) else None)
    assert len(files(tmp_path)) == kept


def test_one_message_that_is_refused_takes_no_others_with_it(server: Received, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.make()
    server.refuse = lambda path, body: (400, {}) if b'"odd"' in body else None
    descriptor = spool.begin(INSTANCE)
    for method in ("one", "odd", "two"):
        os.write(descriptor, json.dumps({"message": {"jsonrpc": "2.0", "method": method}}).encode() + b"\n")
    os.close(descriptor)
    assert spool.send(Client(server_of(server.url), TOKEN)) is None
    assert [item["message"]["method"] for item in came(server)] == ["one", "two"]
    assert files(tmp_path) == []


def test_a_recorder_that_does_not_listen_costs_nothing_but_its_record() -> None:
    read, write = os.pipe()
    copies = Copies(write, most=300_000)
    chunk = b"x" * 50_000
    for _ in range(20):
        copies.keep(CLIENT, chunk)
        copies.keep(SERVER, b"y")
    frames: list[Frame] = []

    def listen() -> None:
        with os.fdopen(read, "rb") as pipe:
            frames.extend(Frames(pipe))

    listening = threading.Thread(target=listen)
    listening.start()
    copies.end(PATIENCE)
    listening.join(PATIENCE)
    of_client = [frame for frame in frames if frame.side == CLIENT]
    told = sum(len(frame.content) for frame in of_client)
    lost = sum(frame.lost for frame in of_client)
    assert told + lost == 20 * len(chunk)
    assert 0 < told <= 600_000
    assert [frame.content or frame.lost for frame in frames if frame.side == SERVER]


def test_a_recorder_that_ends_is_not_noticed() -> None:
    read, write = os.pipe()
    os.close(read)
    copies = Copies(write)
    for _ in range(1_000):
        copies.keep(CLIENT, b"x" * 1_000)
    copies.end(PATIENCE)
