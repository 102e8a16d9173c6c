"""A server with an authority of its own, behind a proxy that opens tunnels: all commands reach it."""

import json
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.bridges import CCGRAPH
from tests.support.certificates import certificate
from tests.support.connect_proxy import tunnelling
from tests.support.ingest_receiver import TOKEN, Received, receiving

HOST = "ccgraph.test"
URL = f"https://{HOST}"
CREDENTIALS = "hanako:geheim"
LINE = '{"type": "user"}\n'

Ccgraph = Callable[..., "subprocess.CompletedProcess[str]"]


class Far:
    """The server, and what the proxy was asked for."""

    def __init__(self, server: Received, ca: Path, proxy: str, asked: list[tuple[str, str | None]]) -> None:
        self.server, self.ca, self.proxy, self.asked = server, ca, proxy, asked


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    public, private = certificate(tmp_path, HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    with receiving(tls=context) as server:
        port = urlsplit(server.url).port
        assert port is not None
        with tunnelling({f"{HOST}:443": port}) as (proxy, asked):
            yield Far(server, public, f"http://{CREDENTIALS}@{proxy}", asked)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.claude/projects/-x").mkdir(parents=True)
    (tmp_path / "home/.claude/projects/-x/a.jsonl").write_text(LINE)
    return tmp_path / "home"


@pytest.fixture
def behind(home: Path, far: Far) -> Ccgraph:
    """Run a program where the proxy is the only way out."""

    def run(*arguments: str, text: str = TOKEN, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            arguments,
            cwd=home,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "HTTPS_PROXY": far.proxy, **variables},
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def test_every_command_goes_through_the_tunnel(home: Path, far: Far, behind: Ccgraph) -> None:
    def ccgraph(*arguments: str) -> str:
        done = behind(CCGRAPH, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    told = ccgraph("connect", "--url", URL, "--ca", str(far.ca), "--token-file", "-")
    assert f"Connected to {URL}" in told
    hook = behind(str(home / ".claude/ccgraph/user/hook"), text='{"hook_event_name": "Stop"}')
    assert (hook.returncode, hook.stdout, hook.stderr) == (0, "", "")
    assert far.server.hooks == [{"hook_event_name": "Stop"}]
    ccgraph("watch", "--once")
    assert far.server.files == {"-x/a.jsonl": LINE.encode()}
    other = home / "backup/projects/-y"
    other.mkdir(parents=True)
    (other / "b.jsonl").write_text(LINE)
    ccgraph("import-transcripts", str(home / "backup/projects"))
    assert far.server.files["-y/b.jsonl"] == LINE.encode()
    checks = json.loads(behind(CCGRAPH, "doctor", "--wait", "0", "--json").stdout)["checks"]
    assert {check["what"]: check["mark"] for check in checks}["server"] == "ok"

    basic = "Basic " + b64encode(CREDENTIALS.encode()).decode()
    assert {request for request, _ in far.asked} == {f"CONNECT {HOST}:443"}
    assert {credentials for _, credentials in far.asked} == {basic}
    for file in (home / ".claude").rglob("*"):
        assert not file.is_file() or CREDENTIALS.encode() not in file.read_bytes(), file


INITIALIZE = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25",'
    ' "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}'
)


@pytest.mark.parametrize(
    "program",
    [("mcp", "--url", URL), ("mcp-proxy", "--server", "far", "--url", f"{URL}/mcp")],
    ids=lambda program: program[0],
)
def test_the_bridge_for_mcp_goes_through_it_too(far: Far, behind: Ccgraph, program: tuple[str, ...]) -> None:
    trust = ("--ca", str(far.ca)) if program[0] == "mcp" else ()
    variables = {"CCGRAPH_TOKEN": TOKEN, "CCGRAPH_MCP_HEADER_1": f"Authorization: Bearer {TOKEN}"}
    if not trust:
        variables["SSL_CERT_FILE"] = str(far.ca)
    done = behind(CCGRAPH, *program, *trust, text=INITIALIZE + "\n", **variables)
    assert json.loads(done.stdout) == {"stored": 1, "unreadable": 0}, (
        done.stderr
    )  # whatever this server is asked
    basic = "Basic " + b64encode(CREDENTIALS.encode()).decode()
    assert set(far.asked) == {(f"CONNECT {HOST}:443", basic)}


def test_the_bridge_asks_a_proxy_for_what_is_not_encrypted(far: Far, behind: Ccgraph) -> None:
    basic = "Basic " + b64encode(CREDENTIALS.encode()).decode()
    url = f"http://{HOST}/base"
    done = behind(
        CCGRAPH, "mcp", "--url", url, text=INITIALIZE + "\n", CCGRAPH_TOKEN=TOKEN, http_proxy=far.proxy
    )
    assert json.loads(done.stdout)["error"]
    assert far.asked == [(f"POST {url}/mcp", basic)]


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (("--url", URL, "--ca", "/etc/hostname"), {}, "The certificates in /etc/hostname cannot be used"),
        (("--url", URL), {"HTTPS_PROXY": "socks5://127.0.0.1:1"}, "write HTTPS_PROXY as http://host:port"),
    ],
)
def test_the_bridge_says_what_it_cannot_use(
    behind: Ccgraph, arguments: tuple[str, ...], variables: dict[str, str], told: str
) -> None:
    done = behind(CCGRAPH, "mcp", *arguments, CCGRAPH_TOKEN=TOKEN, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_stands_in_the_way_is_told_in_a_sentence(home: Path, far: Far, behind: Ccgraph) -> None:
    for arguments, variables, reason in (
        (["--url", URL], {}, "its certificate is not trusted"),
        (["--url", "https://another.test", "--ca", str(far.ca)], {}, "403"),
        (["--url", URL, "--ca", str(far.ca)], {"HTTPS_PROXY": "http://127.0.0.1:9"}, "connection refused"),
    ):
        done = behind(CCGRAPH, "connect", *arguments, "--token-file", "-", **variables)
        assert done.returncode == 1
        assert reason in done.stderr.lower()
        assert "Traceback" not in done.stderr
        assert not (home / ".claude/settings.json").exists()
