"""Records a file of MCP traffic, one JSON object a line, through the same code as the mutation."""

import asyncio
import json
import re
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
"""So many are stored in one transaction; a batch that does not fit goes on in the next part."""

_POSITION: Final = re.compile(r"^((?:message\.)?)(\d+)")
"""Where a message stands in its batch, in the path of an input item."""

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """`messages` were read, `recorded` of them are new; the others were there already."""

    messages: int
    recorded: int


@dataclass(slots=True)
class _Part:
    """Some lines of the file: their numbers, their values, and the bytes read by then.

    `skipped` are the messages of a line's batch that are in parts before.
    """

    numbers: list[int] = field(default_factory=list)
    items: list[object] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    messages: int = 0
    bytes_done: int = 0

    def clear(self) -> None:
        """Begin the next part."""
        self.numbers, self.items, self.skipped, self.messages = [], [], [], 0


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
        read = await asyncio.to_thread(reader.read, part.items)
        async with database.transaction() as connection:
            stored = await store(connection, principal, instance_id, read)
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
            raise _at_line(refusal, part) from None
    return size


def _at_line(refusal: BadInput, part: _Part) -> BadInput:
    """`refusal` with the number of a line in place of the index of an input item."""
    # A name in the file may hold half of a surrogate pair, which no terminal takes.
    path = (refusal.field or "").encode(errors="replace").decode()
    place = path.removeprefix("input.messages.")
    index, _, inside = place.partition(".")
    if not index.isdecimal():
        return refusal
    line = f"line {part.numbers[int(index)]}"
    if skipped := part.skipped[int(index)]:
        inside = _POSITION.sub(lambda found: f"{found[1]}{int(found[2]) + skipped}", inside, count=1)
    return BadInput(refusal.message, field=f"{line}, {inside}" if inside else line)


def _parts(path: Path) -> Iterator[_Part]:
    part = _Part()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            part.bytes_done += len(line)
            if not line.strip():
                continue
            for item, messages, skipped in _divided(_read_line(line, number), part):
                part.numbers.append(number)
                part.items.append(item)
                part.skipped.append(skipped)
                part.messages += messages
                if part.messages >= _MESSAGES_PER_PART:
                    yield part
                    part.clear()
    if part.items:
        yield part


def _divided(item: object, part: _Part) -> Iterator[tuple[object, int, int]]:
    """An item in pieces that fit into what is left of a part, each with its messages and those before it."""
    wrapper = item if isinstance(item, dict) and "jsonrpc" not in item else None
    batch = item if wrapper is None else wrapper.get("message")
    if not isinstance(batch, list) or not batch:
        yield item, 1, 0
        return
    start = 0
    while start < len(batch):
        piece = batch[start : start + _MESSAGES_PER_PART - part.messages]
        yield piece if wrapper is None else {**wrapper, "message": piece}, len(piece), start
        start += len(piece)


def _read_line(line: bytes, number: int) -> object:
    value: object
    try:
        value = read_json(line)
    except JSONDecodeError:
        try:
            # Which takes half of a surrogate pair, so that the message is refused for it by its place.
            value = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise BadInput(
                "This line is not JSON; each line holds one JSON-RPC message.", field=f"line {number}"
            ) from None
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
