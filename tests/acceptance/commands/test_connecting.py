"""`ccgraph connect`, `disconnect` and `doctor` as a person runs them, far from the server."""

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from tests.support.bridges import CCGRAPH
from tests.support.certificates import certificate
from tests.support.forked import FORKER
from tests.support.http_servers import answering
from tests.support.ingest_receiver import TOKEN, Received, receiving

Ccgraph = Callable[..., "subprocess.CompletedProcess[str]"]
SETTINGS = b'{\n  "model": "opus"\n}\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A person's home with settings of Claude Code."""
    settings = tmp_path / "home" / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(SETTINGS)
    return tmp_path / "home"


@pytest.fixture
def at_home(home: Path) -> Ccgraph:
    def run(*arguments: str, text: str = TOKEN, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", **variables}
        return FORKER.run(arguments, home, environment, text)

    return run


@pytest.fixture
def server() -> Iterator[Received]:
    with receiving() as received:
        yield received


def settings(home: Path) -> bytes:
    return (home / ".claude" / "settings.json").read_bytes()


def connected(at_home: Ccgraph, url: str, *more: str, **variables: str) -> None:
    done = at_home("connect", "--url", url, "--token-file", "-", *more, **variables)
    assert done.returncode == 0, done.stderr


def run_hook(home: Path, **variables: str) -> None:
    done = subprocess.run(
        [str(home / ".claude/ccgraph/user/hook")],
        input=b'{"hook_event_name": "Stop"}',
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    home: Path, at_home: Ccgraph, server: Received
) -> None:
    done = at_home("connect", "--url", server.url, "--dry-run")
    assert done.returncode == 0
    assert '+  "otelHeadersHelper"' in done.stdout
    assert '   "model": "opus",' in done.stdout or '+  "model": "opus",' in done.stdout
    assert done.stderr.endswith("}\nNothing was changed.\n")
    assert f"The MCP server ccgraph comes into {home}/.claude.json:" in done.stderr
    assert not (home / ".claude.json").exists()
    assert [path.name for path in (home / ".claude").iterdir()] == ["settings.json"]
    assert settings(home) == SETTINGS


def test_it_shows_the_change_and_where_the_token_is_and_the_second_time_nothing(
    home: Path, at_home: Ccgraph, server: Received
) -> None:
    first = at_home("connect", "--url", server.url, "--token-file", "-")
    assert first.returncode == 0
    assert f"{home}/.claude/ccgraph/user/token (for you alone)" in first.stderr
    assert "settings.before.json, as the settings were before" in first.stderr
    assert TOKEN not in first.stdout + first.stderr
    once = settings(home)
    second = at_home("connect", "--url", server.url)
    assert (second.returncode, second.stdout) == (0, "")
    assert second.stderr == f"Connected to {server.url} already; nothing was changed.\n"
    assert settings(home) == once
    undone = at_home("connect", "--undo")
    assert undone.returncode == 0
    assert settings(home) == SETTINGS
    assert at_home("disconnect").stderr == "Nothing is connected here.\n"


def test_a_token_that_is_not_taken_is_refused_and_nothing_is_changed(
    home: Path, at_home: Ccgraph, server: Received
) -> None:
    done = at_home("connect", "--url", server.url, "--token-file", "-", text="another\n")
    assert done.returncode == 1
    assert "The ingest token was revoked. Nothing was changed." in done.stderr
    assert settings(home) == SETTINGS
    assert [path.name for path in (home / ".claude").iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--url", "ftp://x"], "is not the URL of a server"),
        (["--url", "https://name:password@x"], "without a name, password"),
        (["--url", "http://127.0.0.1:9", "--username", "hanako"], "cannot be reached (connection refused)"),
        (["--url", "http://127.0.0.1:9"], "Give --username"),
        ([], "No ccgraph server of this user runs on this machine"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    home: Path, at_home: Ccgraph, tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = at_home("connect", *arguments, text="password\n", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert settings(home) == SETTINGS


def test_the_doctor_says_what_is_missing(home: Path, at_home: Ccgraph, server: Received) -> None:
    none = at_home("doctor", "--wait", "0")
    assert none.returncode == 1
    assert "Run `ccgraph connect`." in none.stdout
    connected(at_home, server.url)
    missing = at_home("doctor", "--wait", "0")
    assert missing.returncode == 1
    assert "Start Claude Code anew and send it a prompt" in missing.stdout
    run_hook(home)
    (home / ".claude/ccgraph/user/token").chmod(0o644)
    found = json.loads(at_home("doctor", "--wait", "0", "--json").stdout)
    assert {check["what"]: check["mark"] for check in found["checks"]}["token"] == "bad"
    (home / ".claude/ccgraph/user/token").chmod(0o600)
    (home / ".claude/settings.json").write_bytes(SETTINGS)
    assert "entries are missing" in at_home("doctor", "--wait", "0").stdout
    assert at_home("connect", "--url", server.url).returncode == 0
    server.token = "another"
    assert "does not know the token" in at_home("doctor", "--wait", "0").stdout


def test_the_doctor_waits_for_an_event_of_each_kind(home: Path, at_home: Ccgraph, server: Received) -> None:
    connected(at_home, server.url)
    helper = json.loads(settings(home))["otelHeadersHelper"]
    headers = json.loads(subprocess.run([helper], capture_output=True, check=True).stdout)

    def work() -> None:
        time.sleep(0.3)
        run_hook(home)
        for name in ("logs", "metrics", "traces"):
            httpx.post(f"{server.url}/v1/{name}", json={}, headers=headers)

    working = threading.Thread(target=work)
    working.start()
    done = at_home("doctor", "--wait", "120")
    working.join()
    assert done.returncode == 0, done.stdout
    assert "ok    HOOK         1 so far" in done.stdout


def test_a_clock_that_is_wrong_is_told(home: Path, at_home: Ccgraph, server: Received) -> None:
    connected(at_home, server.url)
    server.date = "Sat, 31 Jan 2026 12:00:00 GMT"
    found = json.loads(at_home("doctor", "--wait", "0", "--json").stdout)
    clock = next(check for check in found["checks"] if check["what"] == "clock")
    assert clock["mark"] == "bad"
    assert "ahead of the server" in clock["told"]


def test_a_server_with_a_certificate_of_ones_own(home: Path, at_home: Ccgraph, tmp_path: Path) -> None:
    public, private = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    with receiving(tls=context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        refused = at_home("connect", "--url", url, "--token-file", "-")
        assert refused.returncode == 1
        assert "its certificate is not trusted" in refused.stderr
        assert settings(home) == SETTINGS
        connected(at_home, url, "--ca", str(public))
        run_hook(home)
        assert server.hooks == [{"hook_event_name": "Stop"}]
        transcript = home / ".claude/projects/-x/a.jsonl"
        transcript.parent.mkdir(parents=True)
        transcript.write_text('{"type": "user"}\n')
        assert at_home("watch", "--once").returncode == 0
        assert server.files == {"-x/a.jsonl": b'{"type": "user"}\n'}
        assert json.loads(settings(home))["env"]["OTEL_EXPORTER_OTLP_CERTIFICATE"] == str(public)
    assert at_home("disconnect").returncode == 0
    assert settings(home) == SETTINGS


@contextmanager
def proxy(target: str) -> Iterator[tuple[str, list[str]]]:
    """A proxy of HTTP that knows the one name `ccgraph.test`; gives its URL and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_GET(self) -> None:
            self.pass_on()

        def do_POST(self) -> None:
            self.pass_on()

        def pass_on(self) -> None:
            asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            url = self.path.replace("http://ccgraph.test", target)
            answer = httpx.request(self.command, url, content=body, headers=headers, trust_env=False)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    with answering(Handler) as port:
        yield f"http://127.0.0.1:{port}", asked


def test_a_server_behind_a_proxy(home: Path, at_home: Ccgraph, server: Received) -> None:
    with proxy(server.url) as (url, asked):
        connected(at_home, "http://ccgraph.test", http_proxy=url)
        run_hook(home, http_proxy=url)
        assert server.hooks == [{"hook_event_name": "Stop"}]
        assert [path.rsplit("/", 1)[-1] for path in asked] == ["recent", "hooks"]


def test_the_loopback_is_reached_past_a_proxy(home: Path, at_home: Ccgraph, server: Received) -> None:
    nowhere = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    connected(at_home, server.url, **nowhere)
    run_hook(home, **nowhere)
    assert server.hooks == [{"hook_event_name": "Stop"}]


def test_a_redirect_carries_the_token_nowhere(home: Path, at_home: Ccgraph, server: Received) -> None:
    with receiving() as elsewhere:
        server.refuse = lambda path, body: (307, {"Location": elsewhere.url + path})
        done = at_home("connect", "--url", server.url, "--token-file", "-")
        assert done.returncode == 1
        assert elsewhere.requests == []
    assert settings(home) == SETTINGS


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")
def test_watch_starts_at_login_where_that_is_asked(
    home: Path, at_home: Ccgraph, server: Received, tmp_path: Path
) -> None:
    called = tmp_path / "called"
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{called}\n')
    systemctl.chmod(0o755)
    path = f"{systemctl.parent}:/usr/bin:/bin"
    connected(at_home, server.url, PATH=path)
    done = at_home("watch", "--install", PATH=path)
    assert done.returncode == 0, done.stderr
    unit = home / ".config/systemd/user/ccgraph-watch.service"
    assert f'ExecStart="{CCGRAPH}" "watch"' in unit.read_text()
    assert called.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now ccgraph-watch.service",
    ]
    assert at_home("disconnect", PATH=path).returncode == 0
    assert not unit.exists()
    assert called.read_text().splitlines()[-1] == "--user disable --now ccgraph-watch.service"


def test_without_systemd_it_says_what_is_left_to_do(home: Path, at_home: Ccgraph, server: Received) -> None:
    nothing = home / "bin"
    nothing.mkdir()
    connected(at_home, server.url)
    done = at_home("watch", "--install", PATH=str(nothing))
    assert done.returncode == 1
    assert "is written, but systemctl is not here to start it" in done.stderr
