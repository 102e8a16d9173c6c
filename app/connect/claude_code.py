"""Facts about Claude Code: its settings files, hooks by version, the variables that turn telemetry on."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, int, int]

ALWAYS: Final = (
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "Notification",
    "Stop",
    "SubagentStop",
    "PreCompact",
)
"""Events that every version with hooks in its settings knows."""

SINCE_2_1_4: Final = ("PostToolUseFailure", "PermissionRequest", "SubagentStart")

SINCE_FORGIVING: Final = (
    "Setup",
    "PostToolBatch",
    "StopFailure",
    "PermissionDenied",
    "PostCompact",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "CwdChanged",
    "WorktreeRemove",
)
"""Registered where an event that is not known is passed over. Not among them, on purpose: WorktreeCreate,
which would replace git's own creation; MessageDisplay, FileChanged, InstructionsLoaded, ConfigChange and
UserPromptExpansion, which say nothing that the transcript does not say."""

FORGIVING: Final[Version] = (2, 1, 101)
"""Before this version one unknown event has Claude Code skip the whole settings file."""

TELEMETRY: Final = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "OTEL_LOG_TOOL_DETAILS": "1",
}
"""Variables that switch telemetry on. Prompts come with hooks and transcripts, not with telemetry."""

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
CERTIFICATE: Final = "OTEL_EXPORTER_OTLP_CERTIFICATE"
HELPER: Final = "otelHeadersHelper"

_ELSEWHERE: Final = re.compile(r"OTEL_EXPORTER_OTLP_\w*(ENDPOINT|HEADERS|PROTOCOL)|OTEL_\w+_EXPORTER")
_VERSION: Final = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})")
_TOLD: Final = re.compile(rb'"version":\s*"(\d{1,6}\.\d{1,6}\.\d{1,6})')
_TAIL: Final = 64_000
_PLACES: Final = (".local/bin", ".claude/local", ".npm-global/bin", ".bun/bin")
_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class ClaudeFolder:
    """The folder of Claude Code: `~/.claude`, or what CLAUDE_CONFIG_DIR says."""

    path: Path

    @property
    def settings(self) -> Path:
        """The user's settings."""
        return self.path / "settings.json"

    @property
    def projects(self) -> Path:
        """The folder of the transcripts."""
        return self.path / "projects"

    @property
    def sessions(self) -> Path:
        """A file for each process that runs, named by its number."""
        return self.path / "sessions"


def claude_folder(environment: Mapping[str, str] = os.environ) -> ClaudeFolder:
    """The folder for this user."""
    given = environment.get("CLAUDE_CONFIG_DIR")
    return ClaudeFolder(Path(given).expanduser().absolute() if given else Path.home() / ".claude")


def configuration(folder: ClaudeFolder, environment: Mapping[str, str] = os.environ) -> Path:
    """The file in which Claude Code keeps the MCP servers of a person, and those of single projects."""
    old = folder.path / ".config.json"
    if old.exists():
        return old
    inside = environment.get("CLAUDE_CONFIG_DIR")
    return (folder.path if inside else folder.path.parent) / ".claude.json"


def events_for(version: Version | None) -> tuple[str, ...]:
    """The hooks to register for the oldest version in use; None where there is no sign of any."""
    if version is None or version >= FORGIVING:
        return ALWAYS + SINCE_2_1_4 + SINCE_FORGIVING
    return ALWAYS + SINCE_2_1_4 if version >= (2, 1, 4) else ALWAYS


def goes_elsewhere(variables: Mapping[str, object], endpoint: str) -> str | None:
    """The variable that sends telemetry to another place, or in another form, than connecting would."""
    for name, value in variables.items():
        wanted = endpoint if name == ENDPOINT else TELEMETRY.get(name)
        if _ELSEWHERE.fullmatch(name) and value != wanted:
            return name
    return None


def read_version(text: str) -> Version | None:
    """The version in a text such as `2.1.197 (Claude Code)`."""
    found = _VERSION.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def oldest_version(folder: ClaudeFolder) -> Version | None:
    """The oldest Claude Code that is in use: those installed, those that run, and the one used last."""
    found = installed_versions() | running_versions(folder)
    last = last_version(folder)
    return min(found | ({last} if last is not None else set()), default=None)


def installed_versions(environment: Mapping[str, str] = os.environ) -> set[Version]:
    """The versions that the `claude` programs of this user report."""
    on_path = [Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    at_home = [Path.home() / place for place in _PLACES]
    programs = {(folder / "claude").resolve() for folder in on_path + at_home}
    found = {_told_by(program) for program in programs if os.access(program, os.X_OK)}
    return {version for version in found if version is not None}


def _told_by(program: Path) -> Version | None:
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
        return read_version(told.stdout)
    return None


def running_versions(folder: ClaudeFolder) -> set[Version]:
    """The versions of the processes that wrote themselves into the folder."""
    found = set()
    with suppress(OSError):
        for path in folder.sessions.glob("*.json"):
            with suppress(OSError, ValueError, AttributeError):
                version = read_version(str(json.loads(path.read_text()).get("version")))
                if version is not None:
                    found.add(version)
    return found


def last_version(folder: ClaudeFolder) -> Version | None:
    """The version that wrote the newest transcript."""
    newest: tuple[float, Path] | None = None
    for path in folder.projects.glob("*/*.jsonl"):
        with suppress(OSError):
            newest = max(newest or (0.0, path), (path.stat().st_mtime, path))
    if newest is None:
        return None
    with suppress(OSError), newest[1].open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        told = _TOLD.findall(file.read())
        return read_version(told[-1].decode()) if told else None
    return None
