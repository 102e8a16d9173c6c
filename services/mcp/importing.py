"""Records a file of MCP traffic, one JSON object a line, through the same code as the mutation."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from typing import Final
from uuid import UUID

from services.core.database import Database
from services.core.errors import BadInput
from services.core.json_codec import read_json
from services.core.principal import Principal
from services.mcp.messages import MessageReader
from services.mcp.recording import store

_MESSAGES_PER_PART: Final = 1_000

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """`messages` were read, `recorded` of them are new; the others were there already."""

    messages: int
    recorded: int


@dataclass(slots=True)
class _Part:
    """Some lines of the file: their numbers, their values, and the bytes read by then."""

    numbers: list[int] = field(default_factory=list)
    items: list[object] = field(default_factory=list)
    messages: int = 0
    bytes_done: int = 0


async def import_file(
    database: Database,
    principal: Principal,
    instance_id: UUID,
    path: Path,
    progress: Progress = lambda done, total: None,
) -> ImportedFile:
    """Record the JSON-RPC messages of `path`, bare or wrapped as a recorder writes them.

    The whole file is read and checked before the first row is written; a bad line is `BadInput` with its
    number in `field` (`line 17`). It is then stored in parts, each a transaction: an import that was cut
    off is finished by running it again, since messages already there are known.
    """
    total = await asyncio.to_thread(_check, instance_id, path)
    reader = MessageReader(instance_id)
    messages = recorded = 0
    for part in _parts(path):
        async with database.transaction() as connection:
            stored = await store(connection, principal, instance_id, reader.read(part.items))
        messages += len(stored.message_ids)
        recorded += stored.recorded
        progress(part.bytes_done, total)
    return ImportedFile(messages, recorded)


def _check(instance_id: UUID, path: Path) -> int:
    """The size of the file in bytes, all of whose lines can be recorded."""
    reader = MessageReader(instance_id)
    size = 0
    for part in _parts(path):
        size = part.bytes_done
        try:
            reader.read(part.items)
        except BadInput as refusal:
            raise _at_line(refusal, part.numbers) from None
    return size


def _at_line(refusal: BadInput, numbers: list[int]) -> BadInput:
    """`refusal` with the number of a line in place of the index of an input item."""
    place = (refusal.field or "").removeprefix("input.messages.")
    index, _, inside = place.partition(".")
    if not index.isdecimal():
        return refusal
    line = f"line {numbers[int(index)]}"
    return BadInput(refusal.message, field=f"{line}, {inside}" if inside else line)


def _parts(path: Path) -> Iterator[_Part]:
    part = _Part()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            part.bytes_done += len(line)
            if not line.strip():
                continue
            item = _read_line(line, number)
            part.numbers.append(number)
            part.items.append(item)
            part.messages += len(item) if isinstance(item, list) else 1
            if part.messages >= _MESSAGES_PER_PART:
                yield part
                part = _Part(bytes_done=part.bytes_done)
    if part.items:
        yield part


def _read_line(line: bytes, number: int) -> object:
    try:
        value: object = read_json(line)
    except JSONDecodeError:
        raise BadInput(
            "This line is not JSON; each line holds one JSON-RPC message.", field=f"line {number}"
        ) from None
    return value
