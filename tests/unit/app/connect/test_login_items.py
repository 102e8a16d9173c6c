"""What starts `ccgraph watch` at login: a unit of systemd, or a property list that launchd reads."""

import plistlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.connect.login_items import LoginItem, install, login_item, uninstall

COMMAND = ["/Users/hanako/a b & c/ccgraph", "watch"]
ENVIRONMENT = {
    "CLAUDE_CONFIG_DIR": '/Users/hanako/<設定> "x"',
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "SSL_CERT_FILE": "/etc/own.pem",
    "ANTHROPIC_API_KEY": "sk-ant-a-secret",
}


def test_launchd_is_given_a_property_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    item = login_item(COMMAND, ENVIRONMENT, "darwin")

    assert ElementTree.fromstring(item.content).tag == "plist"
    assert item.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC ')
    told = plistlib.loads(item.content)
    assert told["Label"] == item.path.stem
    assert item.path.parent == tmp_path / "Library/LaunchAgents"
    assert told["ProgramArguments"] == COMMAND
    assert told["RunAtLoad"] is True
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["EnvironmentVariables"] == {
        name: value for name, value in ENVIRONMENT.items() if name != "ANTHROPIC_API_KEY"
    }
    ((bootstrap, *_, path),) = item.start
    assert (bootstrap, path) == ("launchctl", str(item.path))
    ((_, bootout, service),) = item.stop
    assert (bootout, service.rpartition("/")[2]) == ("bootout", told["Label"])


def test_what_no_property_list_can_hold_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    item = login_item(COMMAND, {**ENVIRONMENT, "NO_PROXY": "a\x1bb"}, "darwin")
    assert "NO_PROXY" not in plistlib.loads(item.content)["EnvironmentVariables"]


def test_what_runs_is_stopped_before_it_begins_anew(tmp_path: Path) -> None:
    said = tmp_path / "said"
    item = LoginItem(
        tmp_path / "agents" / "item",
        b"content",
        (("/bin/sh", "-c", f"echo start >>{said}"),),
        (("/bin/sh", "-c", f"echo stop >>{said}; exit 3"),),
    )
    install(item)
    install(item)
    assert said.read_text().split() == ["start", "stop", "start"]
    assert uninstall(item)
    assert not item.path.exists()
    assert not uninstall(item)
