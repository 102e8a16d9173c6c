"""Hooks and lines of a transcript, as tests make them up for a session of their own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from models.enums import IngestSource
from services.fleet.records import RawRecord

BEGAN: Final = datetime(2026, 11, 28, 9, tzinfo=UTC)


class Conversation:
    """A session that a test makes up: each call is a moment later than the one before it."""

    def __init__(self, session: str | None = None, cwd: str = "/home/dev/app") -> None:
        self.session = session or str(uuid4())
        self.cwd = cwd
        self.now = BEGAN
        self.records: list[RawRecord] = []

    @property
    def key(self) -> UUID:
        """The key of the session."""
        return UUID(self.session)

    def hook(self, event: str, after: float = 1, **more: Any) -> RawRecord:
        """A hook, which arrives `after` seconds."""
        self.now += timedelta(seconds=after)
        body = {"session_id": self.session, "cwd": self.cwd, "hook_event_name": event, **more}
        return self._add(IngestSource.HOOK, body)

    def tool(
        self, name: str, arguments: object, response: object = "ok", tool_id: str | None = None, **more: Any
    ) -> str:
        """A tool that is used and ends well; gives its id."""
        use = tool_id or f"toolu_{uuid4().hex[:12]}"
        self.hook("PreToolUse", tool_name=name, tool_input=arguments, tool_use_id=use, **more)
        self.hook(
            "PostToolUse",
            tool_name=name,
            tool_input=arguments,
            tool_response=response,
            tool_use_id=use,
            duration_ms=900,
            **more,
        )
        return use

    def lines(self, *lines: dict[str, Any], file: str | None = None) -> RawRecord:
        """Lines of a transcript, each a second after the one before it."""
        told = []
        for line in lines:
            self.now += timedelta(seconds=1)
            stamp = self.now.isoformat().replace("+00:00", "Z")
            told.append(
                {"sessionId": self.session, "cwd": self.cwd, "timestamp": stamp, "uuid": str(uuid4()), **line}
            )
        path = file or f"-home-dev-app/{self.session}.jsonl"
        return self._add(IngestSource.TRANSCRIPT, {"file": path, "offset": 0, "lines": told})

    def processes(
        self, *, alive: Sequence[int] = (), gone: Sequence[int] = (), after: float = 1
    ) -> RawRecord:
        """The record that `ccgraph watch` sends of the session's processes."""
        self.now += timedelta(seconds=after)

        def told(numbers: Sequence[int]) -> list[dict[str, Any]]:
            return [{"pid": number, "session_id": self.session, "cwd": self.cwd} for number in numbers]

        body = {"host": "laptop", "at": self.now.isoformat(), "alive": told(alive), "gone": told(gone)}
        return self._add(IngestSource.PROCESSES, body)

    def _add(self, source: IngestSource, body: dict[str, Any]) -> RawRecord:
        record = RawRecord(len(self.records) + 1, source, self.now, body)
        self.records.append(record)
        return record
