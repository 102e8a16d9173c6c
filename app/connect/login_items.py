"""Starts `ccgraph watch` when the person logs in: a systemd user unit, or a launchd agent."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.config.errors import StartupError

_NAME: Final = "ccgraph-watch"
_LABEL: Final = "com.ccgraph.watch"
_KEPT: Final = (
    "CLAUDE_CONFIG_DIR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Variables that a session at login would not have."""


@dataclass(frozen=True, slots=True)
class LoginItem:
    """The file that starts it, and the commands that make it known, and take it away again."""

    path: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]


def login_item(
    command: list[str], environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> LoginItem:
    """The login item that starts a command at login on this machine.

    Raises: StartupError where neither system is there.
    """
    # A file of either system takes no control characters.
    told = {name: environment.get(name, "") for name in _KEPT}
    kept = {name: value for name, value in told.items() if value and value.isprintable()}
    if platform == "darwin":
        return _agent(command, kept)
    if platform.startswith("linux"):
        return _unit(command, kept, environment)
    raise StartupError("Neither systemd nor launchd is here: let something else start `ccgraph watch`.")


def install(item: LoginItem) -> None:
    """Write the file and start it now, anew where it runs. Raises: StartupError with what to do by hand."""
    if item.path.exists():  # neither system takes up a file that was changed otherwise
        _stop(item)
    item.path.parent.mkdir(parents=True, exist_ok=True)
    item.path.write_bytes(item.content)
    for command in item.start:
        if shutil.which(command[0]) is None:
            raise StartupError(f"{item.path} is written, but {command[0]} is not here to start it.")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise StartupError(
                f"{item.path} is written, but `{shlex.join(command)}` failed ({reason[0]}): run it "
                "in a session of your own."
            )


def uninstall(item: LoginItem) -> bool:
    """Stop it and remove the file; False when there is none."""
    if not item.path.exists():
        return False
    _stop(item)
    item.path.unlink(missing_ok=True)
    return True


def _stop(item: LoginItem) -> None:
    for command in item.stop:
        with suppress(OSError):
            subprocess.run(command, capture_output=True, check=False)


def _unit(command: list[str], kept: Mapping[str, str], environment: Mapping[str, str]) -> LoginItem:
    home = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    lines = [
        "[Unit]",
        "Description=Sends what Claude Code does on this machine to ccgraph",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(part).replace('$', '$$') for part in command)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in kept.items()),
        "Restart=on-failure",
        "RestartSec=10",
        "Nice=10",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    unit = f"{_NAME}.service"
    return LoginItem(
        home / "systemd/user" / unit,
        "\n".join(lines).encode(),
        (("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", unit)),
        (("systemctl", "--user", "disable", "--now", unit),),
    )


def _agent(command: list[str], kept: Mapping[str, str]) -> LoginItem:
    path = Path.home() / "Library/LaunchAgents" / f"{_LABEL}.plist"
    content = plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": command,
            "EnvironmentVariables": dict(kept),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ProcessType": "Background",
        }
    )
    domain = f"gui/{os.getuid()}"
    return LoginItem(
        path,
        content,
        (("launchctl", "bootstrap", domain, str(path)),),
        (("launchctl", "bootout", f"{domain}/{_LABEL}"),),
    )


def _quoted(text: str) -> str:
    """A word of systemd's (systemd.syntax(7)): in quotes, without specifiers."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
