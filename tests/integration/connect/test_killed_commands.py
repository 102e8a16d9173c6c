"""`connect` and `disconnect` may be killed between any two of their writes, and run several at once."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from app.config.errors import StartupError
from app.connect.locks import changing
from tests.support.forked import FORKER
from tests.support.ingest_receiver import TOKEN, receiving

SETTINGS = b'{\r\n  "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "mine"}]}]}\r\n}'
CONFIGURATION = b'\xef\xbb\xbf{\n  "numStartups": 3,\n  "mcpServers": {}\n}'

DYING = """
import os, signal, sys
from app.cli import main

left = int(os.environ.pop("LEFT"))

def counted(call):
    def counting(*arguments, **options):
        global left
        found = call(*arguments, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return counting

for name in ("rename", "unlink", "fsync", "mkdir", "chmod", "fchmod", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
sys.argv = ["ccgraph", *sys.argv[1:]]
main()
"""


def everything(home: Path) -> dict[str, tuple[int, bytes | None]]:
    """All files and folders, their modes and contents."""
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in home.rglob("*")
    }


@pytest.mark.parametrize("left", [1, 2, 3, 4, 6, 8, 11, 14, 17, 20, 22, 24, 26, 28])
@pytest.mark.parametrize("command", ["connect", "disconnect"])
def test_a_kill_leaves_files_that_can_be_read_and_nothing_after_disconnecting(
    tmp_path: Path, command: str, left: int
) -> None:
    home = tmp_path / "花子 の家"
    (home / ".claude").mkdir(parents=True)
    settings, configuration = home / ".claude/settings.json", home / ".claude.json"
    settings.write_bytes(SETTINGS)
    settings.chmod(0o640)
    configuration.write_bytes(CONFIGURATION)
    before = everything(home)
    token = home / ".claude/ccgraph/user/mcp-token"
    token.parent.mkdir(parents=True, mode=0o700)
    token.write_text(TOKEN)

    given = tmp_path / "token"
    given.write_text(TOKEN)

    def run(*arguments: str, left: int = -1) -> int:
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LEFT": str(left)}
        process = FORKER.start(arguments, home, environment, code=DYING, stderr=subprocess.PIPE)
        _, told = process.communicate()
        assert "Traceback" not in told, told
        assert process.returncode in (0, -signal.SIGKILL if left > 0 else 0), told
        return process.returncode

    with receiving() as server:
        connect = ("connect", "--url", server.url, "--token-file", str(given), "--yes")
        if command == "disconnect":
            run(*connect)
            run("disconnect", "--yes", left=left)
        else:
            run(*connect, left=left)
            for file in (settings, configuration):
                json.loads(file.read_text("utf-8-sig"))
            run(*connect)
            assert b"ccgraph" in settings.read_bytes()
        run("disconnect", "--yes")
    assert everything(home) == before


def test_several_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    settings = tmp_path / "home/.claude/settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(SETTINGS)
    before = everything(tmp_path / "home")
    environment = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}

    def run(*commands: tuple[str, ...]) -> None:
        started = [
            FORKER.start(command, tmp_path, environment, stderr=subprocess.PIPE) for command in commands
        ]
        for process in started:
            _, told = process.communicate()
            assert process.returncode == 0, told

    with receiving() as first, receiving() as second:
        commands = []
        for server in (first, second, first, second):
            server.token = server.url
            given = tmp_path / f"token {server.url.rpartition(':')[2]}"
            given.write_text(server.token)
            commands.append(("connect", "--url", server.url, "--token-file", str(given), "--yes"))
        run(*commands)
        groups = json.loads(settings.read_text())["hooks"]
        assert {len(group) for event, group in groups.items() if event != "Stop"} == {1}
        assert len(groups["Stop"]) == 2
        folder = settings.parent / "ccgraph/user"
        server_url = json.loads((folder / "connection.json").read_text())["server"]["url"]
        assert (folder / "token").read_text().strip() == server_url
        assert server_url in (folder / "curl").read_text()
    run(*[("disconnect", "--yes")] * 3)
    assert everything(tmp_path / "home") == before


def test_who_waits_for_another_command_in_vain_is_told(tmp_path: Path) -> None:
    told = pytest.raises(StartupError, match="nothing was changed")
    with changing(tmp_path / ".claude"), told, changing(tmp_path / ".claude", within=0.1):
        pass
    with changing(tmp_path / ".claude", within=0.1):
        pass
