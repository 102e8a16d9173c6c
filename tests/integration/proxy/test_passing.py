"""A proxy is not noticed: bytes, ends, signals and exit codes are those of the server behind it."""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connect.processes import is_alive
from app.proxy.pumping import pump
from tests.support.proxied import passed, proxied
from tests.support.waiting import PATIENCE, until

SESSION = str(uuid4())
AWAY = {
    "CCGRAPH_URL": "http://127.0.0.1:9",
    "CCGRAPH_INGEST_TOKEN": "token",
    "CLAUDE_CODE_SESSION_ID": SESSION,
}
"""A server of ccgraph that cannot be reached: what passes is recorded all the same."""


@settings(deadline=None, max_examples=60, database=None)
@given(st.lists(st.binary(min_size=1, max_size=200_000), max_size=6))
def test_all_bytes_pass_in_order(chunks: list[bytes]) -> None:
    source, given_to = os.pipe()
    taken_from, sink = os.pipe()
    copies: list[bytes] = []
    came: list[bytes] = []

    def bring() -> None:
        assert pump(source, sink, copies.append)
        os.close(sink)

    def take() -> None:
        with os.fdopen(taken_from, "rb") as end:
            came.append(end.read())

    threads = [threading.Thread(target=bring), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    with os.fdopen(given_to, "wb", buffering=0) as end:
        for chunk in chunks:
            assert end.write(chunk) == len(chunk)
    for thread in threads:
        thread.join(PATIENCE)
    os.close(source)
    assert came == [b"".join(chunks)] == [b"".join(copies)]


@pytest.mark.parametrize("variables", [{}, AWAY], ids=["unrecorded", "recorded"])
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b"no end of a line", b"one\r\ntwo\r\n", b"\xff\x00\xfe{[\n" * 50),
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 5_000,
    ],
    ids=["nothing", "an end", "no end", "two ends", "odd", "many"],
)
def test_bytes_come_back_as_they_are(content: bytes, variables: dict[str, str], tmp_path: Path) -> None:
    done = passed(content, ["cat"], tmp_path, variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, content, b"")


def test_a_line_of_50_mb_passes(tmp_path: Path) -> None:
    message = b'{"jsonrpc":"2.0","id":1,"result":{"text":"' + random.Random(1).randbytes(64).hex().encode()
    content = message + b"x" * 50_000_000 + b'"}}\n'
    done = passed(content, ["cat"], tmp_path, AWAY)
    assert done.returncode == 0
    assert done.stdout == content


def test_what_it_says_beside_and_its_exit_code_pass(tmp_path: Path) -> None:
    done = passed(b"", ["sh", "-c", "echo out; echo beside >&2; exit 7"], tmp_path, AWAY)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"beside\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE])
def test_a_server_that_a_signal_ends_is_seen_to_have_ended_so(number: signal.Signals, tmp_path: Path) -> None:
    done = passed(b"", ["sh", "-c", f"echo out; kill -{number.value} $$"], tmp_path, AWAY)
    assert (done.returncode, done.stdout) == (-number, b"out\n")


def test_the_command_itself_passes_what_follows_the_dashes(tmp_path: Path) -> None:
    program = "import sys; print(sys.argv[1:]); sys.exit(3)"
    with proxied(
        *(sys.executable, "-c", program, "--server", "-x", "--", "a b"), cwd=tmp_path, quick=False
    ) as proxy:
        out, beside = proxy.communicate(timeout=PATIENCE)
        assert (proxy.returncode, out, beside) == (3, b"['--server', '-x', '--', 'a b']\n", b"")


@pytest.mark.parametrize(("name", "code"), [("nothing-of-this-name", 127), (".", 126)])
def test_a_program_that_cannot_be_started_is_told(name: str, code: int, tmp_path: Path) -> None:
    done = passed(b"", [name], tmp_path, AWAY)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().startswith(f"ccgraph: {name} cannot be started (")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_server_once(number: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "def told(number, frame):\n"
        "    os.write(1, b'%d\\n' % number)\n"
        f"signal.signal({number.value}, told)\n"
        "os.write(1, b'ready\\n')\n"
        "sys.stdin.read()\n"
        "sys.exit(9)\n"
    )
    with proxied(sys.executable, "-c", program, cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        assert proxy.stdout.read(6) == b"ready\n"
        proxy.send_signal(number)
        told = f"{number.value}\n".encode()
        assert proxy.stdout.read(len(told)) == told
        proxy.stdin.close()
        assert proxy.stdout.read() == b""
        assert proxy.wait(PATIENCE) == 9


async def test_a_server_that_hears_no_more_is_noticed(tmp_path: Path) -> None:
    with proxied("sh", "-c", "exec 0<&-; echo deaf; exec sleep 600", cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        assert proxy.stdout.read(5) == b"deaf\n"
        pipe = proxy.stdin

        def refused() -> bool:
            try:
                pipe.write(b"anyone?\n")
            except BrokenPipeError:
                return True
            return False

        await until(refused)
        assert proxy.poll() is None


def test_a_client_that_hears_no_more_is_noticed(tmp_path: Path) -> None:
    with proxied("yes", cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdout is not None
        proxy.stdout.read(2)
        proxy.stdout.close()
        assert proxy.wait(PATIENCE) == -signal.SIGPIPE


async def test_what_a_server_said_before_its_end_is_not_lost(tmp_path: Path) -> None:
    with proxied(
        "sh", "-c", "echo $$ >pid; exec head -c 120000 /dev/zero", cwd=tmp_path, variables=AWAY
    ) as proxy:
        assert proxy.stdout is not None
        await until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text().strip()))
        server = int((tmp_path / "pid").read_text())
        await until(lambda: not is_alive(server, None))
        came = b""
        while chunk := proxy.stdout.read(4_096):
            came += chunk
        assert came == bytes(120_000)
        assert proxy.wait(PATIENCE) == 0


def test_a_process_that_keeps_the_output_open_does_not_keep_the_proxy(tmp_path: Path) -> None:
    with proxied("sh", "-c", "sleep 600 & echo $! >pid; echo said", cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdout is not None
        try:
            assert proxy.stdout.read() == b"said\n"
            assert proxy.wait(PATIENCE) == 0
        finally:
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_a_proxy_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    with proxied("sh", "-c", "echo $$; exec sleep 600", cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdout is not None
        server = int(proxy.stdout.read(20))
        proxy.kill()
        proxy.wait(PATIENCE)
        try:
            # Its parent is gone: until another process has collected it, it is there and has ended.
            await until(lambda: not is_alive(server, None))
        finally:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)


def test_a_server_may_answer_each_line_as_it_comes(tmp_path: Path) -> None:
    with proxied("cat", cwd=tmp_path, variables=AWAY) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        for number in range(200):
            line = f'{{"jsonrpc":"2.0","id":{number},"method":"ping"}}\n'.encode()
            proxy.stdin.write(line)
            assert proxy.stdout.read(len(line)) == line
        proxy.stdin.close()
        assert proxy.wait(PATIENCE) == 0


def test_a_recorder_that_cannot_work_is_not_noticed(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("a file where a folder would be")
    content = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 50_000
    done = passed(content, ["cat"], tmp_path, AWAY)
    assert (done.returncode, done.stdout == content, done.stderr) == (0, True, b"")


def test_variables_that_say_nothing_useful_are_not_noticed(tmp_path: Path) -> None:
    odd = {**AWAY, "CCGRAPH_INSTANCE": "no UUID", "CCGRAPH_URL": "no URL"}
    assert passed(b"said\n", ["cat"], tmp_path, odd).stdout == b"said\n"
    assert subprocess.run(["ls", "-A", tmp_path], capture_output=True, check=True).stdout == b""
