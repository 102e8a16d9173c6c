"""Traffic of agents by the thousand: entries of their logs, and MCP messages as they were once recorded."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "tests" / "data" / "mcp-traffic.jsonl"
"""A conversation between a client and an MCP server for git."""

_SENTENCES = (
    "Compiled the module and wrote the index file",
    "Merged the branch feature/search into main after 3 tries",
    "テストが完了しました",
    "Waiting for an answer about src/services/writing.py",
    "The tests of the worktree finished in time",
)

Row = dict[str, Any]


def log_rows(instance_id: str, task_id: str, number: int) -> list[Row]:
    """Entries of an instance's log: a sentence each, every second one with details."""
    chance = random.Random(number)
    return [_log_row(instance_id, task_id, place, chance) for place in range(number)]


def _log_row(instance_id: str, task_id: str, place: int, chance: random.Random) -> Row:
    row: Row = {
        "ccInstanceId": instance_id,
        "taskId": task_id,
        "logLevel": chance.choice(("DEBUG", "INFO", "INFO", "WARN")),
        "category": chance.choice(("SYSTEM", "TASK", "MCP", "GIT")),
        "message": f"{chance.choice(_SENTENCES)}; step {place} of {place + 9}",
    }
    if place % 2:
        row["details"] = {"attempt": place % 5, "file": f"src/{place % 40}.py", "ms": chance.random() * 900}
    return row


def mcp_messages() -> Iterator[Row]:
    """The recorded conversation for ever: JSON-RPC ids count on and time goes on, as on a long connection."""
    lines = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    begun = datetime.now(UTC)
    for place in count():
        line = lines[place % len(lines)]
        message = dict(line["message"])
        if "id" in message:
            message["id"] += place // len(lines) * len(lines)
        at = begun + timedelta(milliseconds=place)
        yield {"at": at.isoformat(), "server": line["server"], "direction": line["direction"]} | {
            "message": message
        }


def parts(messages: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """The next `size` messages, again and again."""
    while True:
        yield list(islice(messages, size))
