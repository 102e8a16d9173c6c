"""File operations of tools, made anew from tool calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from models.enums import FileOperationType, McpToolCallStatus
from services.core.database import Connection
from services.fleet import provenance
from services.fleet.precedence import micros
from services.fleet.sessions import Told, moment_of
from services.fleet.values import text, whole

FILE_TOOLS: Final[Mapping[str, FileOperationType]] = {
    "Read": FileOperationType.READ,
    "NotebookRead": FileOperationType.READ,
    "Write": FileOperationType.UPDATE,
    "Edit": FileOperationType.UPDATE,
    "MultiEdit": FileOperationType.UPDATE,
    "NotebookEdit": FileOperationType.UPDATE,
}
"""Tools that do something to a file. A Write whose result says `create` makes a new one."""

_FILE_CALLS: Final = """
SELECT id, cc_instance_id, tool_name, arguments, status, started_at, completed_at, execution_time_ms,
       error_details ->> 'message' AS error, result ->> 'type' AS kind,
       CASE WHEN jsonb_typeof(result #> '{file,totalLines}') = 'number'
            THEN (result #>> '{file,totalLines}') END AS lines
FROM mcp_tool_calls
WHERE id = ANY($1::uuid[]) AND tool_name = ANY($2::text[]) AND status IN ('completed', 'failed')
  AND cc_instance_id = ANY($3::uuid[])
"""

_INSERT_FILES: Final = """
INSERT INTO file_operations
    (session_id, user_id, operation_type, file_path, language, line_count, execution_time_ms, success,
     error_message, created_at)
SELECT session_id, $1, operation_type, file_path, language, line_count, execution_time_ms, success,
       error_message, created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bool[], $9::text[],
            $10::timestamptz[]) WITH ORDINALITY
    AS given (session_id, operation_type, file_path, language, line_count, execution_time_ms, success,
              error_message, created_at, position)
ORDER BY position
RETURNING id
"""

_CHANGE_FILES: Final = """
UPDATE file_operations AS known
SET operation_type = given.operation_type, file_path = given.file_path, language = given.language,
    line_count = given.line_count, execution_time_ms = given.execution_time_ms, success = given.success,
    error_message = given.error_message, created_at = given.created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bool[], $9::text[],
            $10::timestamptz[], $11::bigint[], $12::timestamptz[])
    AS given (session_id, operation_type, file_path, language, line_count, execution_time_ms, success,
              error_message, created_at, id, before)
WHERE known.id = given.id AND known.created_at = given.before AND known.session_id = given.session_id
  AND known.user_id = $1
  AND (known.operation_type, known.file_path, known.line_count, known.execution_time_ms, known.success,
       known.error_message, known.created_at)
      IS DISTINCT FROM (given.operation_type, given.file_path, given.line_count, given.execution_time_ms,
                        given.success, given.error_message, given.created_at)
"""

_LANGUAGES: Final[Mapping[str, str]] = {
    ".py": "python",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".js": "javascript",
    ".jsx": "javascript",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".rb": "ruby",
    ".c": "c",
    ".h": "c",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".php": "php",
    ".swift": "swift",
    ".kt": "kotlin",
    ".sql": "sql",
    ".sh": "shell",
    ".md": "markdown",
    ".html": "html",
    ".css": "css",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".ipynb": "jupyter",
}


async def store_file_operations(
    raw: Connection,
    sessions: Sequence[Told],
    touched: set[UUID],
    known: Mapping[tuple[UUID, str, UUID], tuple[str, Mapping[str, Any]]],
    owner_id: int,
) -> list[tuple[UUID, str, UUID, str, Mapping[str, Any]]]:
    """Store the file operations of tools; gives where each was stored, which later batches need.

    The key of an operation is a number, so it is remembered with its tool call.
    """
    instances = {key: session for session in sessions for key in session.instances}
    calls = await raw.fetch(_FILE_CALLS, list(touched), list(FILE_TOOLS), list(instances))
    if not calls:
        return []
    before = await _stored_files(raw, sessions, [call["id"] for call in calls], known)
    new: list[tuple[Any, ...]] = []
    new_calls: list[tuple[UUID, UUID]] = []
    changed: list[tuple[Any, ...]] = []
    told: list[tuple[UUID, str, UUID, str, Mapping[str, Any]]] = []
    for call in sorted(calls, key=lambda call: (call["completed_at"] or call["started_at"], call["id"])):
        session = instances[call["cc_instance_id"]]
        row = _file_row(session, call)
        if row is None:
            continue
        place = before.get((session.key, call["id"]))
        if place is None:
            new.append(row)
            new_calls.append((session.key, call["id"]))
            continue
        changed.append((*row, place["number"], moment_of(place["at"])))
        if place["at"] != micros(row[-1]):
            told.append(_remembered(session.key, call["id"], place["number"], row[-1]))
    if new:
        numbers = sorted(
            row["id"] for row in await raw.fetch(_INSERT_FILES, owner_id, *map(list, zip(*new, strict=True)))
        )
        told += [
            _remembered(session_key, call_id, number, row[-1])
            for (session_key, call_id), number, row in zip(new_calls, numbers, new, strict=True)
        ]
    if changed:
        await raw.execute(_CHANGE_FILES, owner_id, *map(list, zip(*changed, strict=True)))
    return told


async def _stored_files(
    raw: Connection,
    sessions: Sequence[Told],
    calls: Sequence[UUID],
    known: Mapping[tuple[UUID, str, UUID], tuple[str, Mapping[str, Any]]],
) -> dict[tuple[UUID, UUID], Mapping[str, Any]]:
    found = {(key[0], key[2]): told for key, (_, told) in known.items() if key[1] == provenance.FILE}
    missing = (
        [call for call in calls if not any(call == key[1] for key in found)] if len(calls) < 50 else calls
    )
    if missing:
        more = await provenance.read(raw, [session.key for session in sessions], missing)
        found |= {(key[0], key[2]): told for key, (_, told) in more.items() if key[1] == provenance.FILE}
    return found


def _remembered(
    session_key: UUID, call_id: UUID, number: int, at: datetime
) -> tuple[UUID, str, UUID, str, Mapping[str, Any]]:
    return (session_key, provenance.FILE, call_id, "", {"number": number, "at": micros(at)})


def _file_row(session: Told, call: Record) -> tuple[Any, ...] | None:
    arguments = call["arguments"]
    path = text(arguments, "file_path") or text(arguments, "notebook_path") or text(arguments, "path")
    if path is None:
        return None
    kind = FILE_TOOLS[call["tool_name"]]
    if call["tool_name"] == "Write" and call["kind"] == "create":
        kind = FileOperationType.CREATE
    lines = whole(call["lines"])
    content = text(arguments, "content")
    if lines is None and content is not None and call["tool_name"] == "Write":
        lines = content.count("\n") + (not content.endswith("\n"))
    is_success = call["status"] == McpToolCallStatus.COMPLETED.value
    return (
        session.key,
        kind.value,
        path[:1000],
        _LANGUAGES.get(PurePosixPath(path.replace("\\", "/")).suffix.lower()),
        None if lines is None else min(lines, 2**31 - 1),
        call["execution_time_ms"],
        is_success,
        None if is_success else call["error"],
        call["completed_at"] or call["started_at"],
    )
