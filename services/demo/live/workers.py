"""One instance of a live demo fleet: each thing that it does is a use case, as a real one's would be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from models.enums import CcActivity, CcInstanceStatus, LogLevel, UltrathinkStatus, UsageAsker
from services.demo.live import texts
from services.demo.live.places import LivePlace, Means
from services.demo.live.texts import Tool, filled
from services.demo.seeded_random import Chance
from services.demo.words import Phrase
from services.instances import instances, ultrathink
from services.instances.activities import Observed, note
from services.instances.instances import InstanceMove
from services.instances.permission_requests import PermissionRequest, ask
from services.mcp.recording import record
from services.tasks import tasks
from services.tasks.claims import Claim, claim_next
from services.tasks.tasks import Report
from services.usage.recording import Usage, record_usage
from services.writing.action import Action
from services.writing.table_actions import append_rows

LEASE: Final = timedelta(hours=1)
"""How long a claim lasts: a fleet that is played slowly keeps its tasks."""

SERVER: Final = "workbench"
"""The name of the MCP server that has all tools."""

_CONTEXT: Final = 200_000
"""Tokens that a model reads at most."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that has begun. `rpc_id` is counted by the instance."""

    tool: Tool
    rpc_id: int
    path: str


@dataclass(slots=True)
class Worker:
    """An instance. `session_id` is that of the session it works in; `calls` counts its calls so far."""

    means: Means
    place: LivePlace
    chance: Chance
    key: UUID
    session_id: UUID
    instruction: UUID | None = None
    calls: int = 0
    context: int = 12_000
    model: tuple[str, int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.model = self.chance.pick(texts.MODELS)

    def action(self, name: str) -> Action:
        """An action in the name of the person whose instance it is."""
        return self.means.action(self.place.owner, name)

    def path(self) -> str:
        """One of the files of the project."""
        return self.chance.pick(self.place.files)

    async def begin(self) -> None:
        """Run, and acknowledge what it was told."""
        process = str(self.chance.between(2_000, 60_000))
        await instances.move(
            self.action("startCcInstance"),
            InstanceMove(self.key, CcInstanceStatus.RUNNING, process_id=process),
        )
        await self.see(CcActivity.WORKING)
        await self.log(LogLevel.INFO, "system", texts.BEGUN, model=self.model[0])
        await self.advance(UltrathinkStatus.ACKNOWLEDGED)

    async def advance(self, status: UltrathinkStatus, response: str | None = None) -> None:
        """Say how far its instruction is."""
        if self.instruction is not None:
            await ultrathink.advance(
                self.action("advanceUltrathinkMessage"), self.instruction, status, response
            )

    async def see(self, activity: CcActivity, detail: str | None = None, said: str | None = None) -> None:
        """Tell what it does now, and what it said last."""
        used = min(97, self.context * 100 // _CONTEXT)
        await _note(
            self.action("noteActivity"), self.key, Observed(activity, detail, self.model[0], said, used)
        )

    async def say(self, activity: CcActivity = CcActivity.WORKING) -> None:
        """Say something to the person."""
        phrase = self.chance.pick(texts.MESSAGES)
        said = self.place.say(phrase, count=self.chance.between(3, 90), path=self.path())
        await self.see(activity, said=said)

    async def prompt(self, phrase: Phrase) -> None:
        """A person's prompt, as a session of Claude Code tells of it (`services/fleet/telling.py`)."""
        details = {"event": "prompt", "prompt_id": str(uuid5(self.key, "prompt"))}
        await self.log(LogLevel.INFO, "task", phrase, details=details, path=self.path())

    async def log(
        self,
        level: LogLevel,
        category: str,
        phrase: Phrase,
        task: UUID | None = None,
        details: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        """Write an entry of its log."""
        entry: dict[str, object] = {
            "cc_instance_id": self.key,
            "task_id": task,
            "log_level": level,
            "category": category,
            "message": self.place.say(phrase, **values),
            "details": details,
        }
        await append_rows(self.action("appendCcLogs"), "cc_logs", [entry])

    async def start(self, tool: Tool, path: str) -> Call:
        """Begin to use a tool."""
        self.calls += 1
        call = Call(tool, self.calls, path)
        request = {
            "jsonrpc": "2.0",
            "id": call.rpc_id,
            "method": "tools/call",
            "params": {"name": tool.name, "arguments": self.arguments(call)},
        }
        await self._record("client", request)
        await self.see(CcActivity.WORKING, f"{tool.name}: {self.arguments(call)[tool.argument]}")
        return call

    def arguments(self, call: Call) -> dict[str, str]:
        """The arguments that the tool is called with."""
        chance = Chance(call.rpc_id, "arguments", self.key)  # the same each time that it is asked
        value = filled(call.tool.value, chance, call.path, self.place.kind.test_command)
        return {call.tool.argument: value}

    async def finish(self, call: Call, *, fails: bool = False, denied: bool = False) -> None:
        """End the use of a tool, well or badly."""
        tool = call.tool
        text = tool.failure if fails else self.chance.pick(tool.answers)
        shown = self.place.say(texts.DENIED) if denied else filled(text, self.chance, call.path)
        result = {"content": [{"type": "text", "text": shown}], "isError": fails or denied}
        await self._record("server", {"jsonrpc": "2.0", "id": call.rpc_id, "result": result})
        if tool.argument == "file_path":
            await self._operate(call, failed=fails)
        if fails:
            took = self.chance.between(30, 9_000)
            await self.log(LogLevel.WARN, "mcp", texts.USED, tool=tool.name, count=took)

    async def ask(self, tool: Tool) -> UUID:
        """Ask a person whether it may use a tool; gives the key of the request."""
        key = uuid5(self.key, f"permission {self.calls}")
        wanted = self.arguments(Call(tool, self.calls, self.path()))
        asked = PermissionRequest(key, self.key, tool.name, self.session_id, wanted)
        seen = Observed(CcActivity.WAITING_PERMISSION, f"{tool.name}: {wanted[tool.argument]}", self.model[0])
        await _ask(self.action("askPermission"), asked, seen)
        return key

    async def use_model(self) -> None:
        """Ask the model once more, which costs."""
        name, reading, writing = self.model
        new, written = self.chance.between(40, 3_000), self.chance.between(50, 1_500)
        cached, kept = self.context, new + written
        took = self.chance.between(900, 24_000)
        self.context = self.context + kept if self.context + kept < _CONTEXT else 30_000  # compacted
        usage = Usage(
            session_id=self.session_id,
            request_id=f"req_{self.chance.hexadecimal(24)}",
            requested_at=self.means.now(),
            cc_instance_id=self.key,
            model=name,
            asked_by=UsageAsker.MAIN if self.key == self.session_id else UsageAsker.SUBAGENT,
            input_tokens=new,
            output_tokens=written,
            cache_read_tokens=cached,
            cache_creation_tokens=kept,
            cache_creation_5m_tokens=kept,
            cost_micro_usd=round(reading * (new + cached / 10 + kept * 1.25) + writing * written),
            duration_ms=took,
            time_to_first_token_ms=took // 6,
        )
        await record_usage(self.action("recordUsage"), [usage])

    async def claim(self) -> UUID | None:
        """Take the next task that is ready; None where none is."""
        return await claim_next(self.action("claimNextTask"), Claim(self.key, LEASE))

    async def report(self, task: UUID, done: int, of: int) -> None:
        """Say how far a task is, which renews its claim."""
        said = Report(task, self.key, f"{done}/{of}", {"done": done, "of": of})
        await tasks.report(self.action("reportTaskProgress"), said, LEASE)

    async def complete(self, task: UUID, name: str) -> None:
        """End a task well."""
        said = Report(task, self.key, self.place.say(texts.DONE, name=name))
        results: Mapping[str, object] = {"output_data": {"commit": self.chance.hexadecimal(40)}}
        await tasks.complete(self.action("completeTask"), said, results)

    async def fail(self, task: UUID, name: str) -> None:
        """End a task badly."""
        await tasks.fail(
            self.action("failTask"), Report(task, self.key, self.place.say(texts.STUCK, name=name))
        )

    async def move(self, status: CcInstanceStatus, exit_code: int | None = None) -> None:
        """Become something else."""
        await instances.move(
            self.action("updateCcInstance"), InstanceMove(self.key, status, exit_code=exit_code)
        )

    async def _operate(self, call: Call, *, failed: bool) -> None:
        tool = call.tool
        operation: dict[str, Any] = {
            "session_id": self.session_id,
            "operation_type": {"Read": "read", "Write": "create"}.get(tool.name, "update"),
            "file_path": call.path,
            "line_count": self.chance.between(20, 600),
            "execution_time_ms": self.chance.between(2, 90),
            "success": not failed,
        }
        await append_rows(self.action("recordFileOperations"), "file_operations", [operation])

    async def _record(self, direction: str, message: Mapping[str, object]) -> None:
        at = self.means.now().isoformat()
        item = {"at": at, "server": SERVER, "direction": direction, "message": message}
        await record(self.action("recordMcpMessages"), self.key, [item])


async def _note(action: Action, key: UUID, seen: Observed) -> None:
    async with action.transaction(key=key) as transaction:
        await note(transaction, key, seen)


async def _ask(action: Action, request: PermissionRequest, seen: Observed) -> None:
    async with action.transaction(key=request.id) as transaction:
        await ask(transaction, request)
        await note(transaction, request.instance_id, seen)
