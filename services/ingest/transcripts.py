"""Lines of a transcript, from a file and an offset in it."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from models.enums import IngestSource
from models.ingest import LONGEST_FILE
from services.core.errors import BadInput
from services.core.json_codec import write_json
from services.ingest.received import (
    LARGEST_RECORD,
    Intake,
    KnownPart,
    Received,
    read_value,
    session_key,
    storable,
)

MOST_LINES: Final = 50_000
"""Lines of one request."""

LARGEST_OFFSET: Final = 2**53
_TOO_DEEP: Final = "(a line that nests too deeply)"

Line = tuple[Any, int, int]
"""What is stored of a line, the bytes of that as JSON, and the bytes that the line takes in its file."""


def read_transcript(value: object) -> Intake:
    """`{"file", "offset", "lines" | "text"}`, or `{"file", "meta"}` for what stands beside a transcript.

    A line that is no JSON object is kept as a text, and counted. The last line of a `text` that has no end
    yet is left: it comes again when it is whole. Lines that are given as objects have no known length in
    their file; then `end` says where the next one begins.

    Raises: BadInput for another shape.
    """
    if not isinstance(value, dict):
        raise BadInput('Send `{"file": path, "offset": bytes, "text": lines}`.')
    file = _file(value.get("file"))
    if "meta" in value:
        if not isinstance(value["meta"], dict):
            raise BadInput("`meta` is a JSON object.", field="meta")
        body, size = storable({"file": file, "meta": value["meta"]})
        record = Received(IngestSource.TRANSCRIPT, body, size, _session(file, ()))
        return Intake(IngestSource.TRANSCRIPT, (record,), 1)
    offset = _whole(value, "offset")
    lines, exact = _lines(value)
    refused = sum(isinstance(line, str) and line != "" for line, _, _ in lines)
    end = offset + sum(length for _, _, length in lines)
    if not exact and "end" in value:
        end = _whole(value, "end")
        exact = True
    part = KnownPart(file, offset, end) if exact else None
    return Intake(
        IngestSource.TRANSCRIPT,
        tuple(_records(file, offset, lines)),
        sum(line != "" for line, _, _ in lines),
        refused,
        "A line that is no JSON object was kept as a text." if refused else "",
        part,
    )


def _file(value: object) -> str:
    """A path below the projects folder, with slashes."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_FILE:
        raise BadInput(f"`file` is a path of 1 to {LONGEST_FILE} characters.", field="file")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or not value.isprintable():
        raise BadInput("`file` is the path of a transcript below the projects folder.", field="file")
    return str(path)


def _whole(value: dict[str, Any], name: str) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_OFFSET:
        raise BadInput(f"`{name}` is a number of bytes, from 0.", field=name)
    return number


def _lines(value: dict[str, Any]) -> tuple[list[Line], bool]:
    """The lines, and whether their lengths in the file are known."""
    text, given = value.get("text"), value.get("lines")
    if isinstance(text, str):
        given = text.split("\n")
        last = given.pop()
        if len(given) <= MOST_LINES:
            found = [line for one in given if (line := _line(one)) is not None]
            # Whole although its end is not written yet, as at the end of a file that grows no more.
            whole = _line(last, newline=0)
            return ([*found, whole] if whole and not isinstance(whole[0], str) else found), True
    if not isinstance(given, list):
        raise BadInput("Send `text`, or `lines` as a list of texts or objects.", field="lines")
    if len(given) > MOST_LINES:
        raise BadInput(f"Send at most {MOST_LINES} lines in one request.", field="lines")
    exact = all(isinstance(one, str) for one in given)
    return [line for one in given if (line := _line(one)) is not None], exact


def _line(given: object, newline: int = 1) -> Line | None:
    """A line; None where there is nothing at all, not even its end."""
    if not isinstance(given, str):
        try:
            body, size = storable(given)
        except BadInput:
            body, size = _TOO_DEEP, len(_TOO_DEEP)
        if not isinstance(body, dict):
            body = write_json(body).decode()
        return body, size, size + newline
    length = len(given.encode("utf-8", "replace")) + newline
    if length == 0:
        return None
    try:
        body, size = storable(read_value(given))
    except BadInput:
        body = None
        size = 0
    if not isinstance(body, dict):
        body, size = storable(given)
    return body, size, length


def _records(file: str, offset: int, lines: list[Line]) -> Iterator[Received]:
    """Records of at most `LARGEST_RECORD` bytes or of one line; empty lines are in none."""
    kept: list[Any] = []
    size = 0
    begin = at = offset
    for body, length, in_file in lines:
        if kept and size + length > LARGEST_RECORD:
            yield _record(file, begin, kept, size)
            kept, size = [], 0
        if not kept:
            begin = at
        at += in_file
        kept.append(body)
        size += length
    if any(line != "" for line in kept):
        yield _record(file, begin, kept, size)


def _record(file: str, offset: int, lines: list[Any], size: int) -> Received:
    body = {"file": file, "offset": offset, "lines": lines}
    return Received(IngestSource.TRANSCRIPT, body, size + len(file) + 40, _session(file, lines))


def _session(file: str, lines: Any) -> str | None:
    """The session that a line names, or the file by its place."""
    for line in lines:
        if isinstance(line, dict) and (found := session_key(line.get("sessionId"))):
            return found
    path = PurePosixPath(file)
    if "subagents" in path.parts[1:]:
        return session_key(path.parts[path.parts.index("subagents", 1) - 1])
    return session_key(path.stem)
