"""How readers write down facts: what the readers of all sources say alike."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from models.enums import CcLogCategory, LogLevel, McpToolCallStatus
from services.fleet.facts import Fact, Kind, Reading, Witness
from services.fleet.precedence import micros
from services.fleet.values import Object, at, clean, cut, flag, line, mapping, objects, payload, text, whole

AGENT_TOOLS: Final = frozenset(["Agent", "Task"])
"""Tools that begin a subagent, by the names they have had."""

QUESTION_TOOLS: Final = frozenset(["AskUserQuestion"])
"""Tools by which Claude asks a person."""

_WORKTREE: Final = re.compile(r"(?P<checkout>/.+?)/\.claude/worktrees/(?P<name>[^/]+)")

_DENIAL: Final = re.compile(
    r"requested permissions? to |haven't granted it yet|doesn't want to (?:proceed|take this action)"
    r"|[Pp]ermission to use .{1,200} (?:has been|was) denied|denied this tool|was denied by",
    re.DOTALL,
)

_INTERRUPTION: Final = re.compile(r"^\[Request interrupted by user")

_NOTIFICATION: Final = "<task-notification>"
_OF_AGENT: Final = re.compile(r"<summary>\s*Agent\b")
_PART: Final = {
    name: re.compile(rf"<{name}>\s*(.*?)\s*(?:</{name}>|\Z)", re.DOTALL)
    for name in ("task-id", "tool-use-id", "status", "result")
}
_LAUNCHED: Final = frozenset(["async_launched", "teammate_spawned", "running"])
_FAILED: Final = frozenset(["failed", "error", "killed"])

_ABOUT: Final = (
    "file_path",
    "notebook_path",
    "command",
    "url",
    "query",
    "pattern",
    "path",
    "description",
    "subject",
    "skill",
    "prompt",
)
"""Members of a tool's input that say in a few words what it is used for, the first that is there."""


@dataclass(slots=True)
class Telling:
    """Facts of one record, of one session and agent at a time."""

    reading: Reading
    witness: Witness
    received_at: datetime
    session: str
    agent: str = ""

    def __post_init__(self) -> None:
        """Ids may hold what PostgreSQL cannot."""
        self.session, self.agent = clean(self.session), clean(self.agent)

    def tell(
        self,
        kind: Kind,
        name: str,
        at_time: datetime | None,
        witness: Witness | None = None,
        /,
        **values: Any,
    ) -> None:
        """One fact; values that are None were not told."""
        told = {
            key: clean(value) if isinstance(value, str) else value
            for key, value in values.items()
            if value is not None
        }
        name = clean(name)
        self.reading.facts.append(
            Fact(kind, self.session, name, witness or self.witness, at_time, self.received_at, told)
        )

    def about_session(self, at_time: datetime | None, **values: Any) -> None:
        """Something about the session."""
        self.tell(Kind.SESSION, "", at_time, **values)

    def about_instance(
        self,
        at_time: datetime | None,
        agent: str | None = None,
        witness: Witness | None = None,
        **values: Any,
    ) -> None:
        """Something about an instance, by default the one that speaks."""
        self.tell(Kind.INSTANCE, self.agent if agent is None else agent, at_time, witness, **values)

    def seen(self, at_time: datetime) -> None:
        """The session and the instance that speaks have given a sign of life."""
        began, seen = micros(at_time), micros(min(at_time, self.received_at))
        self.about_session(at_time, started=began, seen=seen)
        self.about_instance(at_time, started=began, seen=seen)

    def event(self, at_time: datetime, name: str, detail: object = None, agent: str | None = None) -> None:
        """Something after which an instance may do something else."""
        self.about_instance(at_time, agent, events=(name, line(detail)))

    def directory(self, at_time: datetime | None, directory: object) -> None:
        """Where the instance works; in a worktree that Claude Code has made, also what that says."""
        if not isinstance(directory, str) or (
            not directory.startswith(("/", "\\")) and ":" not in directory[:3]
        ):
            return
        shown = cut(directory, 500)
        if at_time is not None:
            self.about_session(at_time, directory=shown)
            self.about_instance(at_time, directory=shown)
        if found := _WORKTREE.match(directory.replace("\\", "/")):
            path = found[0]
            self.tell(Kind.SESSION, "", at_time, Witness.ESTIMATE, checkout=cut(found["checkout"], 500))
            created = None if at_time is None else micros(at_time)
            self.tell(
                Kind.WORKTREE,
                path,
                at_time,
                Witness.ESTIMATE,
                name=line(found["name"]),
                path=cut(path, 500),
                created=created,
            )
            self.tell(Kind.WORKTREE, path, at_time, agent=self.agent)

    def log(
        self,
        name: str,
        at_time: datetime,
        message: str,
        *,
        level: LogLevel = LogLevel.INFO,
        category: CcLogCategory = CcLogCategory.SYSTEM,
        details: object = None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        """An entry of the log, by the name under which every source knows the same occurrence."""
        self.tell(
            Kind.LOG,
            name,
            at_time,
            agent=self.agent,
            log_level=level.value,
            category=category.value,
            message=cut(message) or "-",
            details=None if details is None else payload(details),
            trace_id=trace_id,
            span_id=span_id,
            created_at=micros(at_time),
        )

    def prompt(self, at_time: datetime, prompt_id: str | None, prompt: str, mode: object = None) -> None:
        """A person's prompt. Without its id it cannot be known for the same from another source."""
        if is_notification(prompt):
            return
        self.about_session(at_time, prompt=line(prompt, 100))
        self.about_instance(at_time, turn=micros(at_time))
        if prompt_id is None:
            return
        self.log(
            f"prompt {prompt_id}",
            at_time,
            prompt,
            category=CcLogCategory.TASK,
            details={"event": "prompt", "prompt_id": line(prompt_id)},
        )
        if isinstance(mode, str) and mode not in ("default", "normal"):
            self.log(
                f"mode {mode} {prompt_id}",
                at_time,
                f"The permission mode is {line(mode)}.",
                details={"event": "permission_mode", "mode": line(mode)},
            )

    # Tools

    def tool_begun(
        self,
        at_time: datetime | None,
        tool_use_id: str,
        name: str,
        arguments: object,
        server: str | None = None,
    ) -> None:
        """A tool is used."""
        self.tell(
            Kind.TOOL,
            tool_use_id,
            at_time,
            agent=self.agent,
            tool_name=line(name),
            server_name=line(server) or server_of(name),
            arguments=None if arguments is None else payload(arguments),
            started_at=None if at_time is None else micros(at_time),
        )

    def tool_ended(
        self,
        at_time: datetime | None,
        tool_use_id: str,
        outcome: "Outcome",
        duration_ms: int | None = None,
        witness: Witness | None = None,
    ) -> None:
        """A tool has ended, or was denied."""
        status = McpToolCallStatus.FAILED if outcome.error is not None else McpToolCallStatus.COMPLETED
        self.tell(
            Kind.TOOL,
            tool_use_id,
            at_time,
            witness,
            agent=self.agent,
            status=status.value,
            completed_at=None if at_time is None else micros(at_time),
            execution_time_ms=duration_ms,
            result=outcome.result,
        )
        if at_time is not None:  # where nothing tells when it began
            begun = micros(at_time) - 1000 * (duration_ms or 0)
            self.tell(Kind.TOOL, tool_use_id, at_time, Witness.ESTIMATE, started_at=begun)
        # A success has no error and a failure no result: said against sources that know less.
        closing: dict[str, Any] = {"error_details": outcome.error}
        if outcome.error is not None:
            closing["result"] = None
        elif witness is Witness.BATCH:
            return
        self.reading.facts.append(
            Fact(
                Kind.TOOL,
                self.session,
                clean(tool_use_id),
                witness or self.witness,
                at_time,
                self.received_at,
                closing,
            )
        )

    def worktree(self, at_time: datetime | None, entered: Object) -> None:
        """A worktree as Claude Code describes it."""
        path = text(entered, "worktreePath")
        if path is None:
            return
        checkout = text(entered, "originalCwd") or text(entered, "preEnterOriginalCwd")
        if checkout is not None:
            self.about_session(at_time, checkout=cut(checkout, 500))
        self.tell(
            Kind.WORKTREE,
            path.replace("\\", "/").rstrip("/"),
            at_time,
            agent=self.agent,
            name=line(text(entered, "worktreeName"))
            or line(path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]),
            path=cut(path.rstrip("/\\"), 500),
            base_branch=line(text(entered, "originalBranch")),
            current_branch=line(text(entered, "worktreeBranch")),
            commit=line(text(entered, "originalHeadCommit")),
            created=None if at_time is None else micros(at_time),
        )

    def agent_answered(
        self, at_time: datetime, tool_use_id: str | None, result: Object, witness: Witness
    ) -> None:
        """What the caller of a subagent was told of it, which names the subagent."""
        agent = text(result, "agentId") or text(result, "agent_id")
        if agent is None:
            return
        status = text(result, "status")
        told = text(result, "prompt")
        answer = None if status in _LAUNCHED else answer_of(result.get("content"))
        self.about_instance(
            at_time,
            agent,
            witness,
            agent_type=line(text(result, "agentType") or text(result, "agent_type")),
            description=line(text(result, "description") or text(result, "name")),
            caller_tool=tool_use_id,
            prompt=None if told is None else cut(told),
        )
        if status in _LAUNCHED:
            self.about_instance(
                at_time, agent, witness, started=micros(at_time), events=("transcript agent_begin", None)
            )
        self._agent_ended(at_time, agent, witness, status, answer)

    def agent_notified(self, at_time: datetime, said: str) -> None:
        """What Claude Code tells the caller of a subagent in the background once that has ended."""
        agent = _part(said, "task-id")
        if agent is None or _OF_AGENT.search(said) is None:  # else it is a command
            return
        witness = Witness.HOOK if self.witness is Witness.HOOK else Witness.CALLER
        self.about_instance(at_time, agent, witness, caller_tool=_part(said, "tool-use-id"))
        self._agent_ended(at_time, agent, witness, _part(said, "status"), answer_of(_part(said, "result")))

    def _agent_ended(
        self, at_time: datetime, agent: str, witness: Witness, status: str | None, answer: str | None
    ) -> None:
        self.about_instance(
            at_time,
            agent,
            witness,
            answer=answer,
            answered=None if answer is None else micros(at_time),
            failed=True if status in _FAILED else None,
        )
        if status == "completed" or status in _FAILED:
            self.about_instance(at_time, agent, witness, events=("transcript agent_end", None))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tool ended: its result, or its error as an object with `message`."""

    result: Any = None
    error: dict[str, Any] | None = None


def failed(message: object, **more: Any) -> Outcome:
    """A failure, or a denial where the message says so."""
    shown = cut(message) if isinstance(message, str) and message else "The tool failed."
    error: dict[str, Any] = {"message": shown}
    if _DENIAL.search(shown):
        error["denied"] = True
    if _INTERRUPTION.match(shown):
        error["interrupted"] = True
    return Outcome(error={**error, **{name: value for name, value in more.items() if value is not None}})


def succeeded(result: object) -> Outcome:
    """A success."""
    return Outcome(result=payload(result))


def is_denial(message: object) -> bool:
    """Whether a tool's result says that it may not be used."""
    return isinstance(message, str) and _DENIAL.search(message) is not None


def is_interruption(message: object) -> bool:
    """Whether a text says that a person has stopped the turn."""
    return isinstance(message, str) and _INTERRUPTION.match(message) is not None


def is_notification(said: str) -> bool:
    """Whether a prompt was written by Claude Code itself, about a task in the background."""
    return said.startswith(_NOTIFICATION)


def _part(said: str, name: str) -> str | None:
    """What stands in an element of a notification."""
    found = _PART[name].search(said)
    return found[1] or None if found else None


def server_of(tool_name: str) -> str | None:
    """The MCP server in the name of a tool: `mcp__github__search`."""
    parts = tool_name.split("__", 2)
    return line(parts[1]) if len(parts) == 3 and parts[0] == "mcp" and parts[1] else None


def about(tool_name: str, arguments: object) -> str:
    """In a few words what a tool is used for: `Bash: make test`."""
    if tool_name in QUESTION_TOOLS:
        asked = next((text(one, "question") for one in objects(arguments, "questions")), None)
        if asked is not None:
            return asked
    told = next((found for name in _ABOUT if (found := line(at(arguments, name))) is not None), None)
    return f"{tool_name}: {told}" if told else tool_name


def answer_of(content: object) -> str | None:
    """What a subagent answered, without the notes that Claude Code puts before it."""
    if isinstance(content, str):
        return cut(content) if content else None
    if not isinstance(content, list):
        return None
    texts = [
        found
        for block in content
        if (found := text(block, "text")) is not None and not found.startswith("<tools-used-before-summary>")
    ]
    return cut("\n".join(texts)) if texts else None


def tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """The counts of a message's usage, by column."""
    cached = mapping(usage, "cache_creation")
    told = {
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "cache_read_tokens": usage.get("cache_read_input_tokens"),
        "cache_creation_tokens": usage.get("cache_creation_input_tokens"),
        "cache_creation_5m_tokens": cached.get("ephemeral_5m_input_tokens"),
        "cache_creation_1h_tokens": cached.get("ephemeral_1h_input_tokens"),
    }
    return {name: count for name, value in told.items() if (count := whole(value))}


def context_used(model: str | None, counts: Mapping[str, int]) -> int | None:
    """How much of the model's context a request has filled, in percent, as far as its name tells the size."""
    used = sum(counts.get(name, 0) for name in ("input_tokens", "cache_read_tokens", "cache_creation_tokens"))
    if used <= 0:
        return None
    size = 1_000_000 if used > 200_000 or (model is not None and "[1m]" in model) else 200_000
    return min(round(100 * used / size), 100)


def truth(value: object) -> bool:
    """Whether a value says true."""
    return flag(value) is True
