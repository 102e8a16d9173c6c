"""`ccgraph watch` as a process: what it sends, what it costs, and how it survives."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.connect.claude_code import ClaudeFolder
from app.connect.connection import Folder, folder_of
from app.connect.doctor import Found, Mark, examine, is_watched
from app.connect.following import Transcripts
from app.connect.mcp_spool import Spool
from app.connect.watching import project_folder
from services.core.processes import stat_fields
from tests.integration.connect.conftest import Connect
from tests.support.bridges import CCGRAPH
from tests.support.ingest_receiver import Received, receiving
from tests.support.pace import slowness
from tests.support.waiting import PATIENCE

MOST_MEMORY = 60_000
"""Kibibytes."""
SESSION = "5f1c7bd6-8d8e-4d26-8cb3-5b4a5a1b2c3d"
NAME = f"-home-dev-x/{SESSION}.jsonl"


@contextmanager
def watching(claude: ClaudeFolder, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [CCGRAPH, "watch", *arguments],
        env={**os.environ, "CLAUDE_CONFIG_DIR": str(claude.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def caught_up(claude: ClaudeFolder, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [CCGRAPH, "watch", "--once", *arguments],
        env={**os.environ, "CLAUDE_CONFIG_DIR": str(claude.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )


def wait_until(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def came_further(server: Received, started: int, whole: int) -> bool:
    return len(server.transcripts) > started or len(server.files.get(NAME, b"")) == whole


def line(number: int, size: int = 100) -> bytes:
    return json.dumps({"type": "user", "number": number, "text": "x" * size}).encode() + b"\n"


def written(claude: ClaudeFolder, name: str, content: bytes) -> Path:
    path = claude.projects / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path


def test_it_sends_what_there_is_then_what_comes(
    server: Received, claude: ClaudeFolder, connected: Connect
) -> None:
    connected(server.url)
    written(claude, NAME, line(1))
    with watching(claude) as process:
        wait_until(lambda: server.files.get(NAME) == line(1))
        written(claude, NAME, line(2))
        wait_until(lambda: server.files[NAME] == line(1) + line(2))
        written(claude, "-home-dev-y/new.jsonl", line(3))
        wait_until(lambda: server.files.get("-home-dev-y/new.jsonl") == line(3))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    before = len(server.transcripts)
    assert caught_up(claude).returncode == 0
    assert len(server.transcripts) == before


def left_by_a_proxy(folder: Folder) -> None:
    """Traffic whose recorder has ended before it could send it."""
    traffic = Spool(folder.mcp)
    traffic.make()
    descriptor = traffic.begin(UUID(SESSION))
    os.write(descriptor, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    os.close(descriptor)


def test_what_proxies_have_left_is_sent_and_told_of(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    connection = folder.load()
    assert connection is not None
    left_by_a_proxy(folder)
    [path] = folder.mcp.glob("*.jsonl")
    path.rename(path.with_name(path.name.replace(path.name.split(".")[1], f"{1_700_000_000 * 10**9:020d}")))

    def spool_of() -> Found:
        [found] = [one for one in examine(folder, claude) if one.what == "MCP spool"]
        return found

    assert spool_of().mark is Mark.WORTH_KNOWING
    assert "41 bytes of MCP traffic wait on this disk" in spool_of().told
    assert "ccgraph watch" in str(spool_of().advice)
    assert caught_up(claude).returncode == 0
    assert [body["instance"] for name, body in server.requests if name == "/ingest/mcp"] == [SESSION]
    assert not [*folder.mcp.glob("*.jsonl")]
    assert (spool_of().mark, spool_of().told) == (Mark.GOOD, "nothing waits: what proxies recorded is sent")


def test_while_the_server_is_away_it_is_told_what_waits_here(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected("http://127.0.0.1:9")
    left_by_a_proxy(folder)
    done = caught_up(claude)
    assert done.returncode == 1
    assert "on this disk are 41 bytes of MCP traffic" in done.stderr


def test_killed_anywhere_it_goes_on_and_loses_nothing(
    server: Received, claude: ClaudeFolder, connected: Connect
) -> None:
    connected(server.url)
    content = b"".join(line(number, 2_000) for number in range(4_000))
    written(claude, NAME, content)
    for delay in (0.0, 0.1, 0.25):
        with watching(claude) as process:
            started = len(server.transcripts)
            wait_until(partial(came_further, server, started, len(content)))
            time.sleep(delay)
            process.kill()
    assert caught_up(claude).returncode == 0
    assert server.files == {NAME: content}
    # What a killed one had not written down was asked of the server.
    sent = sum(len(part["text"]) for part in server.transcripts)
    assert sent < len(content) + 3 * 1_100_000


@pytest.mark.timeout(600)
def test_with_5000_transcripts_it_stays_small_and_reads_only_what_is_new(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)

    def write(numbers: range) -> None:
        for number in numbers:
            written(claude, f"-home-dev-{number % 50}/{number:08}.jsonl", line(number, 400) * 5)

    write(range(500, 5_000))
    sent_before(claude, folder, server.url)
    write(range(500))
    with watching(claude) as process:
        wait_until(lambda: len(server.files) == 500, 5 * PATIENCE)
        server.requests.clear()
        written(claude, "-home-dev-7/00000007.jsonl", line(5_001))
        wait_until(lambda: len(server.transcripts) == 1)
        assert server.transcripts[0]["offset"] == len(line(7, 400) * 5)
        written(claude, "-home-dev-7/00000007.jsonl", b"".join(line(number, 50_000) for number in range(200)))
        wait_until(lambda: len(server.files["-home-dev-7/00000007.jsonl"]) > 10_000_000)
        time.sleep(1)
        before = cpu_ticks(process.pid)
        read = bytes_read(process.pid)
        time.sleep(3)
        assert cpu_ticks(process.pid) - before < 3 * os.sysconf("SC_CLK_TCK") * 0.25 * slowness()
        assert bytes_read(process.pid) - read < 2_000_000
        status = Path(f"/proc/{process.pid}/status").read_text()
    peak = int(next(row.split()[1] for row in status.splitlines() if row.startswith("VmHWM")))
    print(f"peak: {peak} KiB")
    assert peak < MOST_MEMORY
    assert json.loads(folder.offsets.read_text())["files"]


def sent_before(claude: ClaudeFolder, folder: Folder, url: str) -> None:
    """Let a watcher have sent all that there is, and have written that down."""
    transcripts = Transcripts(claude.projects)
    for name in transcripts.look():
        transcripts.done(name, transcripts.files[name].size)
    folder.write(folder.offsets, json.dumps({"server": url, "alive": [], "files": transcripts.state()}))


def cpu_ticks(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[11]) + int(fields[12])


def bytes_read(pid: int) -> int:
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def test_a_long_line_is_no_reason_to_grow(server: Received, claude: ClaudeFolder, connected: Connect) -> None:
    connected(server.url)
    written(claude, NAME, line(1) + line(2, 30_000_000) + line(3, 5_000_000))
    with watching(claude) as process:
        wait_until(lambda: len(server.transcripts) == 2)
        status = Path(f"/proc/{process.pid}/status").read_text()
    assert [len(part["text"]) for part in server.transcripts] == [len(line(1)), len(line(3, 5_000_000))]
    peak = int(next(row.split()[1] for row in status.splitlines() if row.startswith("VmHWM")))
    assert peak < 2 * MOST_MEMORY


def test_while_the_server_is_away_it_waits_and_says_so_once(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    with receiving() as first:
        port = int(first.url.rsplit(":", 1)[1])
        connected(first.url)
    written(claude, NAME, line(1))
    hook = folder.spool / "hook.1"
    hook.write_text('{"hook_event_name": "Stop"}')
    os.utime(hook, (time.time() - 60,) * 2)
    folder.away.touch()
    with watching(claude) as process:
        assert process.stderr is not None
        told = ""
        for said in process.stderr:
            told += said
            if "cannot be reached" in said:
                break
        time.sleep(2)  # it tries again, and says no more
        assert process.poll() is None
        with receiving(port) as back:
            wait_until(lambda: back.files.get(NAME) == line(1))
            assert back.hooks == [{"hook_event_name": "Stop"}]
            assert not folder.away.exists()
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
        told += process.stderr.read()
    assert told.count("cannot be reached (connection refused)") == 1
    assert told.count("takes everything again") == 1


def test_it_leaves_the_server_alone_for_as_long_as_that_asks(
    server: Received, claude: ClaudeFolder, connected: Connect
) -> None:
    connected(server.url)
    written(claude, NAME, line(1))
    asked: list[float] = []

    def refuse(path: str, body: bytes) -> tuple[int, dict[str, str]] | None:
        asked.append(time.monotonic())
        return (429, {"Retry-After": "3"}) if len(asked) == 1 else None

    server.refuse = refuse
    with watching(claude):
        wait_until(lambda: server.files.get(NAME) == line(1))
    assert asked[1] - asked[0] >= 2.9


def test_a_token_that_ended_is_told_and_a_new_one_is_taken_up(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    written(claude, NAME, line(1))
    server.token = "another token"
    with watching(claude) as process:
        wait_until(lambda: server.strangers > 0)
        folder.write(folder.token, "another token\n")
        wait_until(lambda: server.files.get(NAME) == line(1))
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert process.stderr is not None
        assert "the server answers 401: The ingest token was revoked." in process.stderr.read()


def test_it_tells_which_processes_live_and_which_were_killed(
    server: Received, claude: ClaudeFolder, connected: Connect
) -> None:
    connected(server.url)
    claude.sessions.mkdir(parents=True)
    with ExitStack() as stack:
        claude_process = stack.enter_context(subprocess.Popen(["sleep", "600"]))
        stack.callback(claude_process.kill)
        told = {
            "pid": claude_process.pid,
            "sessionId": SESSION,
            "cwd": "/home/dev/x",
            "procStart": stat_fields(claude_process.pid)[19],
            "version": "2.1.197",
        }
        (claude.sessions / f"{claude_process.pid}.json").write_text(json.dumps(told))
        (claude.sessions / "999999.json").write_text("{")
        with watching(claude):
            wait_until(lambda: bool(server.processes))
            process = {"pid": claude_process.pid, "session_id": SESSION, "cwd": "/home/dev/x"}
            assert server.processes[0]["alive"] == [process]
            assert server.processes[0]["gone"] == []
            claude_process.kill()
            claude_process.wait()
            wait_until(lambda: len(server.processes) == 2)
            assert server.processes[1]["alive"] == []
            assert server.processes[1]["gone"] == [process]
    # One that ended while nothing watched, and has tidied up, is told too.
    (claude.sessions / f"{told['pid']}.json").unlink()


def test_of_one_project_only_its_own_transcripts_are_sent(
    server: Received, claude: ClaudeFolder, connected: Connect, tmp_path: Path
) -> None:
    project = tmp_path / "one"
    project.mkdir()
    connected(server.url, at=folder_of(claude, project))
    mine = project_folder(project)
    for name in (mine, f"{mine}--claude-worktrees-a", f"{mine}-2", "-home-dev-x"):
        written(claude, f"{name}/a.jsonl", line(1))
    assert caught_up(claude).returncode == 0
    assert sorted(server.files) == [f"{mine}--claude-worktrees-a/a.jsonl", f"{mine}/a.jsonl"]


def test_two_do_not_watch_at_once(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    assert not is_watched(folder)
    with watching(claude):
        wait_until(lambda: is_watched(folder))
        second = caught_up(claude)
        assert second.returncode == 1
        assert "runs already" in second.stderr


def test_it_ends_when_the_connection_is_taken_away(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    with watching(claude) as process:
        wait_until(lambda: is_watched(folder))
        folder.remove()
        assert process.wait(PATIENCE) == 0
    assert not folder.path.exists()


def test_it_ends_when_the_connection_is_being_taken_away(
    server: Received, claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(server.url)
    folder.token.unlink()  # the record goes last
    done = caught_up(claude)
    assert done.returncode == 0
    assert "The connection was taken away" in done.stdout + done.stderr


def test_without_a_connection_it_says_what_to_do(claude: ClaudeFolder) -> None:
    done = caught_up(claude)
    assert done.returncode == 1
    assert "run `ccgraph connect` first" in done.stderr


@pytest.mark.parametrize("days", ["1", "30"])
def test_transcripts_of_long_ago_are_left_alone(
    server: Received, claude: ClaudeFolder, connected: Connect, days: str
) -> None:
    connected(server.url)
    past: Any = time.time() - 10 * 86_400
    os.utime(written(claude, NAME, line(1)), (past, past))
    assert caught_up(claude, "--days", days).returncode == 0
    assert bool(server.files) == (days == "30")
