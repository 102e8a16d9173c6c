"""What Claude Code takes: where its settings lie, which hooks a version knows, what turns telemetry on."""

import json
import os
import re
import shutil
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
_PATIENCE: Final = 10.0


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
        """Where the transcripts lie."""
        return self.path / "projects"

    @property
    def sessions(self) -> Path:
        """A file for each process that runs, named by its number."""
        return self.path / "sessions"


def claude_folder(environment: Mapping[str, str] = os.environ) -> ClaudeFolder:
    """The folder for this user."""
    given = environment.get("CLAUDE_CONFIG_DIR")
    return ClaudeFolder(Path(given).expanduser().absolute() if given else Path.home() / ".claude")


def events_for(version: Version | None) -> tuple[str, ...]:
    """The hooks to register for the oldest version in use; None is one that nobody knows."""
    if version is not None and version >= FORGIVING:
        return ALWAYS + SINCE_2_1_4 + SINCE_FORGIVING
    if version is None or version >= (2, 1, 4):
        return ALWAYS + SINCE_2_1_4
    return ALWAYS


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
    """The oldest Claude Code that is in use: the one on the PATH, and those that run at the moment."""
    found = {installed_version(), *running_versions(folder)} - {None}
    return min((version for version in found if version is not None), default=None)


def installed_version() -> Version | None:
    """What `claude --version` says."""
    program = shutil.which("claude")
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
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
