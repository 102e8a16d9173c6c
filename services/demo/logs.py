"""The demo's long tables: file operations, system logs, and the logs of instances and tasks."""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID

from services.demo.instances import Wave
from services.demo.json_text import json_text
from services.demo.people import Person
from services.demo.row_counts import YEAR, Figures
from services.demo.seeded_random import Chance, moments, weighted
from services.demo.words import INSTANCE_MESSAGES, SYSTEM_MESSAGES, TASK_PHASES
from services.demo.workspaces import Session, session_at

LOGS_PER_INSTANCE = 30
LOGS_PER_TASK = 8

_OPERATIONS = weighted(read=48, update=30, create=10, delete=4, rename=3, move=2, copy=3)
_INSTANCE_LEVELS = weighted(info=72, debug=16, warn=8, error=3, fatal=1)
_LEVELS = weighted(INFO=76, DEBUG=10, WARN=9, ERROR=4, CRITICAL=1)
_LANGUAGES = {
    ".py": ("python", "text/x-python"),
    ".ts": ("typescript", "text/x-typescript"),
    ".tsx": ("typescript", "text/x-typescript"),
    ".kt": ("kotlin", "text/x-kotlin"),
    ".go": ("go", "text/x-go"),
    ".sql": ("sql", "application/sql"),
    ".md": ("markdown", "text/markdown"),
    ".json": ("json", "application/json"),
    ".csv": ("csv", "text/csv"),
    ".xml": ("xml", "application/xml"),
    ".svg": ("xml", "image/svg+xml"),
    ".png": (None, "image/png"),
}


class FileOperationRow(NamedTuple):
    """A row of file_operations."""

    id: int
    session_id: UUID
    user_id: int
    operation_type: str
    file_path: str
    old_file_path: str | None
    content_hash: str | None
    file_size_bytes: int
    mime_type: str
    is_binary: bool
    language: str | None
    line_count: int | None
    execution_time_ms: int
    success: bool
    error_message: str | None
    created_at: datetime


class SystemLogRow(NamedTuple):
    """A row of system_logs."""

    id: int
    level: str
    category: str
    module: str
    user_id: int | None
    session_id: UUID | None
    message: str
    details: str | None
    request_id: UUID
    ip_address: IPv4Address | None
    user_agent: str | None
    created_at: datetime


class CcLogRow(NamedTuple):
    """A row of cc_logs."""

    id: UUID
    cc_instance_id: UUID
    task_id: UUID | None
    log_level: str
    category: str
    message: str
    details: str
    trace_id: str
    span_id: str
    created_at: datetime


class TaskLogRow(NamedTuple):
    """A row of task_logs."""

    id: UUID
    task_id: UUID
    cc_instance_id: UUID
    log_level: str
    phase: str
    message: str
    performance_metrics: str
    created_at: datetime


def file_operations(
    drawn: list[Session], figures: Figures, seed: int, until: datetime
) -> Iterator[FileOperationRow]:
    """The same number for each user, in the order of time, each in the session of that user and moment."""
    chance = Chance(seed, "file_operations")
    per_user = figures.sessions // figures.users
    halves = [chance.hexadecimal(32) for _ in range(512)]
    since = until - YEAR
    span = YEAR.total_seconds()
    suffixes = {path: PurePosixPath(path).suffix for session in drawn for path in session.project.files}
    for number, at in enumerate(moments(figures.file_operations, since, until, chance), 1):
        session = session_at(drawn, per_user, number % figures.users, (at - since).total_seconds() / span)
        operation, path = chance.pick(_OPERATIONS), chance.pick(session.project.files)
        language, mime_type = _LANGUAGES.get(suffixes[path], ("text", "text/plain"))
        lines = chance.between(5, 600)
        failed = chance.happens(0.01)
        yield FileOperationRow(
            number,
            session.row.session_id,
            session.row.user_id,
            operation,
            path,
            f"{path}.old" if operation in ("rename", "move", "copy") else None,
            None if operation == "delete" else chance.pick(halves) + chance.pick(halves),
            lines * 38,
            mime_type,
            language is None,
            language,
            None if language is None else lines,
            chance.between(1, 40),
            not failed,
            "EACCES: permission denied" if failed else None,
            at,
        )


def system_logs(
    persons: list[Person], drawn: list[Session], figures: Figures, seed: int, until: datetime
) -> Iterator[SystemLogRow]:
    """Evenly spread over users, in the order of time; one in five has no user."""
    chance = Chance(seed, "system_logs")
    per_user = figures.sessions // figures.users
    since = until - YEAR
    span = YEAR.total_seconds()
    for number, at in enumerate(moments(figures.system_logs, since, until, chance), 1):
        index = chance.below(figures.users)
        person = persons[index]
        session = session_at(drawn, per_user, index, (at - since).total_seconds() / span)
        level = chance.pick(_LEVELS)
        category, module, phrase = chance.pick(SYSTEM_MESSAGES[level])
        milliseconds, count = chance.between(1, 900), chance.between(1, 97)
        known = category != "database"
        yield SystemLogRow(
            number,
            level,
            category,
            module,
            person.row.id if known else None,
            session.row.session_id if known else None,
            phrase.say(
                person.language,
                user=person.row.username,
                name=session.row.name,
                project=session.project.name,
                place=session.project.place.say(person.language),
                count=count,
                ms=milliseconds,
            ),
            json_text({"duration_ms": milliseconds}) if level != "INFO" else None,
            chance.uuid(at),
            person.ip_address if known else None,
            person.user_agent if known else None,
            at,
        )


def cc_logs(waves: list[Wave], seed: int, until: datetime) -> Iterator[CcLogRow]:
    """The same number of lines for each instance, over its life."""
    for wave in waves:
        for instance in wave.instances:
            chance = Chance(seed, "cc_logs", instance.id)
            tasks = [task for task in wave.steps if task.assigned_to == instance.id] or [wave.parent]
            begun, trace = instance.started_at, chance.hexadecimal(32)
            gap = ((instance.terminated_at or until) - begun) / LOGS_PER_INSTANCE
            for place in range(LOGS_PER_INSTANCE):
                at = begun + gap * (place + chance.random())
                category, phrase = chance.pick(INSTANCE_MESSAGES)
                task, count = tasks[place * len(tasks) // LOGS_PER_INSTANCE], chance.between(3, 400)
                yield CcLogRow(
                    chance.uuid(at),
                    instance.id,
                    None if category == "system" else task.id,
                    chance.pick(_INSTANCE_LEVELS),
                    category,
                    phrase.say(wave.project.language, task=task.name, count=count),
                    json_text({"step": place + 1, "value": count}),
                    trace,
                    chance.hexadecimal(16),
                    at,
                )


def task_logs(waves: list[Wave], seed: int, until: datetime) -> Iterator[TaskLogRow]:
    """The same number of lines for each task that was begun; a failed one ends in the phase error."""
    for wave in waves:
        for task in (wave.parent, *wave.steps):
            if task.started_at is None or task.assigned_to is None:
                continue
            chance = Chance(seed, "task_logs", task.id)
            gap = ((task.completed_at or until) - task.started_at) / LOGS_PER_TASK
            for place in range(LOGS_PER_TASK):
                at = task.started_at + gap * (place + chance.random())
                ended = place == LOGS_PER_TASK - 1 and task.completed_at is not None
                phase, phrase = TASK_PHASES[0 if place == 0 else 3 if ended else chance.between(1, 2)]
                failed = ended and task.status == "FAILED"
                count = chance.between(3, 200)
                yield TaskLogRow(
                    chance.uuid(at),
                    task.id,
                    task.assigned_to,
                    "error" if failed else "info",
                    "error" if failed else phase,
                    phrase.say(wave.project.language, task=task.name, count=count),
                    json_text({"cpu_percent": chance.between(2, 95), "memory_mb": chance.between(80, 900)}),
                    at,
                )
