"""The hook sends, says nothing, loses nothing, and holds nothing up."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.connect import spool
from app.connect.client import Client
from app.connect.connection import Folder, Server
from tests.integration.connect.conftest import Connect
from tests.support.ingest_receiver import TOKEN, Received, receiving
from tests.support.waiting import PATIENCE

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def run(folder: Folder) -> Run:
    """Run the hook as Claude Code does, by its command."""

    def hook(
        body: Any, *, event: str = "Stop", path: str | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        connection = folder.load()
        assert connection is not None
        command = connection.entries.group(event)["hooks"][0]["command"]
        return subprocess.run(
            ["/bin/sh", "-c", command],
            input=json.dumps(body).encode() if not isinstance(body, bytes) else body,
            capture_output=True,
            check=False,
            env={**os.environ, **({"PATH": path} if path else {})},
            timeout=PATIENCE,
        )

    return hook


def is_silent(done: "subprocess.CompletedProcess[bytes]") -> bool:
    return (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def old(folder: Folder) -> None:
    """Let time pass for what waits in the spool, and for the server that was away."""
    past = time.time() - 120
    for path in [*folder.spool.iterdir(), folder.away]:
        os.utime(path, (past, past))


def test_it_sends_what_it_is_given(server: Received, folder: Folder, connected: Connect, run: Run) -> None:
    connected(server.url)
    body = {"hook_event_name": "Stop", "last_assistant_message": "終わりました。'\"$(date)\\ \n"}
    assert is_silent(run(body))
    assert server.hooks == [body]
    assert list(folder.spool.iterdir()) == []


def test_a_long_hook_arrives_whole(server: Received, connected: Connect, run: Run) -> None:
    connected(server.url)
    assert is_silent(run({"hook_event_name": "PreToolUse", "tool_input": {"content": "x" * 3_000_000}}))
    assert len(server.hooks[0]["tool_input"]["content"]) == 3_000_000


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_what_is_refused_for_now_waits_and_is_sent_later(
    server: Received, folder: Folder, connected: Connect, run: Run, status: int
) -> None:
    connected(server.url)
    server.refuse = lambda path, body: (status, {"Retry-After": "1"})
    assert is_silent(run({"hook_event_name": "Stop"}))
    assert spool.spooled(folder) == 1
    server.refuse = lambda path, body: None
    old(folder)
    assert spool.send_spooled(folder, Client(Server(server.url), TOKEN)) is None
    assert server.hooks == [{"hook_event_name": "Stop"}]
    assert spool.spooled(folder) == 0


def test_what_is_sent_again_has_the_same_name(
    server: Received, folder: Folder, connected: Connect, run: Run
) -> None:
    """Its answer may be lost after it was stored."""
    connected(server.url)
    server.refuse = lambda path, body: (503, {})
    assert is_silent(run({"hook_event_name": "SessionStart"}))
    folder.away.unlink()
    assert is_silent(run({"hook_event_name": "SessionStart"}))
    server.refuse = lambda path, body: None
    old(folder)
    assert spool.send_spooled(folder, Client(Server(server.url), TOKEN)) is None
    (again,) = server.of("/ingest/claude-code/hooks")
    assert {one["id"] for one in again} == {name for name in server.named if name is not None}
    assert len(server.named) == 3


@pytest.mark.parametrize("status", [400, 413])
def test_what_will_never_be_taken_does_not_wait(
    server: Received, folder: Folder, connected: Connect, run: Run, status: int
) -> None:
    connected(server.url)
    server.refuse = lambda path, body: (status, {})
    assert is_silent(run({"hook_event_name": "Stop"}))
    assert spool.spooled(folder) == 0


def test_while_nothing_listens_it_is_quick_and_silent(
    server: Received, folder: Folder, connected: Connect, run: Run
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    connected(f"http://127.0.0.1:{port}")
    for number in range(1, 51):
        began = time.monotonic()
        assert is_silent(run({"hook_event_name": "Stop"}))
        assert spool.spooled(folder) == number
        if time.monotonic() - began < 1:  # as soon as the machine has time
            return
    pytest.fail("none of fifty was quick")


def test_a_server_that_does_not_answer_costs_two_seconds_once(
    folder: Folder, connected: Connect, run: Run
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        connected(f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert is_silent(run({"hook_event_name": "Stop"}))
        assert time.monotonic() - began > 1.5
        silent.accept()[0].close()
        assert is_silent(run({"hook_event_name": "Stop"}))
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):  # the second has not even asked
            silent.accept()
    assert spool.spooled(folder) == 2


def test_the_next_hook_that_arrives_sends_what_waits_with_its_times(
    folder: Folder, connected: Connect, run: Run
) -> None:
    with receiving() as first:
        port = int(first.url.rsplit(":", 1)[1])
        connected(first.url)
    for number in range(3):
        run({"hook_event_name": "Stop", "number": number})
        time.sleep(0.01)
    old(folder)
    with receiving(port) as back:
        assert is_silent(run({"hook_event_name": "Stop", "number": 3}))
        deadline = time.monotonic() + PATIENCE
        while len(back.hooks) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sorted(hook["number"] for hook in back.hooks) == [0, 1, 2, 3]
        told = next(body for body in back.of("/ingest/claude-code/hooks") if isinstance(body, list))
        assert all(one["at"].endswith("+00:00") for one in told)
    assert not folder.away.exists()


def test_hooks_in_flight_and_half_hooks_are_not_sent(
    server: Received, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    (folder.spool / "hook.1").write_text('{"hook_event_name": "Stop"}')
    half = folder.spool / "hook.2"
    half.write_text('{"hook_event_na')
    os.utime(half, (1, 1))
    assert spool.send_spooled(folder, Client(Server(server.url), TOKEN)) is None
    assert server.hooks == []
    assert [path.name for path in folder.spool.iterdir()] == ["hook.1"]


def test_the_spool_has_a_bound(folder: Folder, connected: Connect) -> None:
    connected("http://127.0.0.1:9")
    for number in range(10):
        path = folder.spool / f"hook.{number}"
        path.write_bytes(b"x" * 1000)
        os.utime(path, (number, number))
    assert spool.bound(folder, 4_500) == 6
    assert sorted(path.name for path in folder.spool.iterdir()) == [
        f"hook.{number}" for number in range(6, 10)
    ]


def test_a_permission_request_is_answered_where_that_was_asked_for(
    server: Received, folder: Folder, connected: Connect, run: Run
) -> None:
    answer = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}
    server.answer = lambda path, value: answer if isinstance(value, dict) else None
    connected(server.url)
    request = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
    assert is_silent(run(request, event="PermissionRequest"))
    connected(server.url, hold=20)
    held = run(request, event="PermissionRequest")
    assert json.loads(held.stdout) == answer
    assert is_silent(run({"hook_event_name": "Stop"}))
    assert list(folder.spool.iterdir()) == []


def test_without_an_answer_to_a_permission_request_the_terminal_asks(
    server: Received, connected: Connect, run: Run
) -> None:
    connected(server.url, hold=20)
    assert is_silent(run({"hook_event_name": "PermissionRequest"}, event="PermissionRequest"))
    server.refuse = lambda path, body: (500, {})
    assert is_silent(run({"hook_event_name": "PermissionRequest"}, event="PermissionRequest"))


@pytest.mark.parametrize("hold", [0, 1])
def test_a_permission_request_without_an_answer_is_sent_again_under_its_name(
    server: Received, folder: Folder, connected: Connect, run: Run, hold: int
) -> None:
    """It was held for longer, or the server died before it stored what it had received: both look alike."""
    request = {"hook_event_name": "PermissionRequest"}
    given_up = threading.Event()
    server.answer = lambda path, value: given_up.wait(PATIENCE) and None if value == request else None
    connected(server.url, hold=hold)
    assert is_silent(run(request, event="PermissionRequest"))
    given_up.set()
    (waiting,) = folder.spool.iterdir()
    assert server.named == [waiting.name]
    # The next hook is sent at once, though, and the first one as soon as it is no longer under way.
    assert is_silent(run({"hook_event_name": "Stop"}))
    assert len(server.named) == 2
    wait_until(lambda: folder.away.exists() or not waiting.exists())
    if waiting.exists():
        past = time.time() - 120
        os.utime(waiting, (past, past))
        assert is_silent(run({"hook_event_name": "Stop"}))
    wait_until(lambda: not waiting.exists())
    (again,) = [body for body in server.of("/ingest/claude-code/hooks") if isinstance(body, list)]
    assert [(one["id"], one["hook"]) for one in again] == [(waiting.name, request)]


def wait_until(true: Callable[[], bool]) -> None:
    """Until what a hook has started in the background is done."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_curl_it_waits_for_watch(
    server: Received, folder: Folder, connected: Connect, run: Run, tmp_path: Path
) -> None:
    for name in ("cat", "rm", "find", "du", "cut", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(found)
    connected(server.url)
    assert is_silent(run({"hook_event_name": "Stop"}, path=str(tmp_path / "bin")))
    assert spool.spooled(folder) == 1


@pytest.mark.parametrize("most", [0, 1])
def test_what_cannot_be_written_down_is_sent(
    server: Received, folder: Folder, connected: Connect, most: int
) -> None:
    """The disk is full, or a file may be no larger than `most` blocks of 512 bytes."""
    connected(server.url)
    body = {"hook_event_name": "Stop", "text": "長い" * 5000}
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f {most}; exec {shlex.quote(str(folder.hook))}"],
        input=json.dumps(body).encode(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert is_silent(done)
    assert server.hooks == [body]
    assert list(folder.spool.iterdir()) == []


def test_many_at_once_lose_none(server: Received, folder: Folder, connected: Connect) -> None:
    connected(server.url)
    running = [
        subprocess.Popen([str(folder.hook)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(20)
    ]
    for number, process in enumerate(running):
        process.communicate(json.dumps({"hook_event_name": "Stop", "number": number}).encode())
    sent = {hook["number"] for hook in server.hooks}
    waiting = {json.loads(path.read_text())["number"] for path in folder.spool.iterdir()}
    assert sent | waiting == set(range(20))


def test_after_disconnecting_a_hook_that_still_runs_is_silent(
    server: Received, folder: Folder, connected: Connect, tmp_path: Path
) -> None:
    connected(server.url)
    script = tmp_path / "hook"
    shutil.copy(folder.hook, script)
    folder.remove()
    done = subprocess.run(
        [str(script)], input=b'{"hook_event_name": "Stop"}', capture_output=True, check=False
    )
    assert is_silent(done)


def test_telemetry_gets_the_token(server: Received, folder: Folder, connected: Connect) -> None:
    connected(server.url)
    value = json.loads(claude_helper(folder))
    assert value == {"Authorization": f"Bearer {TOKEN}"}


def claude_helper(folder: Folder) -> bytes:
    connection = folder.load()
    assert connection is not None
    assert connection.entries.helper is not None
    return subprocess.run(
        ["/bin/sh", "-c", connection.entries.helper], capture_output=True, check=True
    ).stdout
