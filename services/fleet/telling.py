"""Writes facts down: what the readers of all sources have in common."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from models.enums import CcLogCategory, LogLevel, McpToolCallStatus
from services.fleet.facts import LINED, Fact, Kind, Reading, Spent, Witness
from services.fleet.outcomes import Outcome
from services.fleet.precedence import micros
from services.fleet.values import Object, at, clean, cut, flag, line, objects, payload, text

AGENT_TOOLS: Final = frozenset(["Agent", "Task", "Skill"])
"""Tools that begin a subagent, by the names they have had; a skill does where it says so."""

QUESTION_TOOLS: Final = frozenset(["AskUserQuestion"])
"""Tools by which Claude asks a person."""

_WORKTREE: Final = re.compile(r"(?P<checkout>/.+?)/\.claude/worktrees/(?P<name>[^/]+)")

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
    """Facts of one record, of one session and agent at a time.

    `line` is the id of the line of a transcript that is being read, and `origin` the other session of which
    it says that it is repeated from there.
    """

    reading: Reading
    witness: Witness
    received_at: datetime
    session: str
    agent: str = ""
    line: str | None = None
    origin: str | None = None

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
        if kind in LINED and self.line is not None:
            told.setdefault("line", self.line)
            if self.origin is not None:
                told["origin"] = self.origin
        self.reading.facts.append(
            Fact(kind, self.session, name, witness or self.witness, at_time, self.received_at, told)
        )

    def about_session(self, at_time: datetime | None, **values: Any) -> None:
        """Note facts about the session."""
        self.tell(Kind.SESSION, "", at_time, **values)

    def about_instance(
        self,
        at_time: datetime | None,
        agent: str | None = None,
        witness: Witness | None = None,
        **values: Any,
    ) -> None:
        """Note facts about an instance, by default the one that speaks."""
        self.tell(Kind.INSTANCE, self.agent if agent is None else agent, at_time, witness, **values)

    def seen(self, at_time: datetime) -> None:
        """The session and the instance that speaks have given a sign of life."""
        began, seen = micros(at_time), micros(min(at_time, self.received_at))
        # A line with an id may be repeated in a fork; all else happened in this session.
        self.about_session(
            at_time, started=began, seen=seen, born=micros(at_time) if self.line is None else None
        )
        self.about_instance(at_time, started=began, seen=seen)

    def event(self, at_time: datetime, name: str, detail: object = None, agent: str | None = None) -> None:
        """Note an event after which an instance may do something else."""
        self.about_instance(at_time, agent, events=(name, line(detail)))

    def directory(self, at_time: datetime | None, directory: object) -> None:
        """Note the directory of the instance; that of a worktree of Claude Code tells more."""
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

    def of_line(self, line_id: str | None, origin: str | None) -> None:
        """Take what is told from here on as the content of this line."""
        self.line, self.origin = line(line_id, 100), None
        if origin is not None and clean(origin) != self.session:
            self.origin = clean(origin)

    def repeats(self, at_time: datetime | None) -> None:
        """The line is said to be repeated from another session: this one is a fork."""
        if self.origin is not None:
            self.forked(at_time)
            until = None if at_time is None else micros(at_time)
            self.tell(Kind.KIN, self.origin, at_time, line=fork_of(self.origin), until=until)

    def forked(self, at_time: datetime | None) -> None:
        """The session has begun with the conversation of another one."""
        self.about_session(at_time, forked=True)

    def spent(self, request: Spent) -> None:
        """Note the usage of a request to a model."""
        self.reading.spent.append(request)
        self.tell(Kind.SPENT, request.request_id, request.at, at=micros(request.at))

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
        self.further_prompt(at_time, prompt_id, prompt)
        if isinstance(mode, str) and mode not in ("default", "normal"):
            self.log(
                f"mode {mode} {prompt_id}",
                at_time,
                f"The permission mode is {line(mode)}.",
                details={"event": "permission_mode", "mode": line(mode)},
            )

    def further_prompt(self, at_time: datetime, prompt_id: str, prompt: str) -> None:
        """Log a prompt of a person; one that comes while Claude works begins no turn."""
        if is_notification(prompt):
            return
        self.log(
            f"prompt {prompt_id}",
            at_time,
            prompt,
            category=CcLogCategory.TASK,
            details={"event": "prompt", "prompt_id": line(prompt_id)},
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
        outcome: Outcome,
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
        """Note the result of a subagent that its caller was told, which names the subagent."""
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
            description=line(
                text(result, "description") or text(result, "name") or text(result, "commandName")
            ),
            caller_tool=tool_use_id,
            prompt=None if told is None else cut(told),
        )
        if status in _LAUNCHED:
            self.about_instance(
                at_time, agent, witness, started=micros(at_time), events=("transcript agent_begin", None)
            )
        self._agent_ended(at_time, agent, witness, status, answer)

    def agent_notified(self, at_time: datetime, said: str) -> None:
        """Note the end of a subagent in the background, as Claude Code tells its caller."""
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


def fork_of(session: str) -> str:
    """A text in place of a line's id, in what a fork repeats of this session."""
    return f"fork of {session[:100]}"


def is_told_by_prompt(name: str) -> bool:
    """True if a log entry is a prompt or is told with it, and is known by the prompt's id."""
    return name.startswith(("prompt ", "mode ")) and " line " not in name


def is_notification(said: str) -> bool:
    """True if a prompt was written by Claude Code itself, about a task in the background."""
    return said.startswith(_NOTIFICATION)


def _part(said: str, name: str) -> str | None:
    """The text in an element of a notification; None where there is none."""
    found = _PART[name].search(said)
    return found[1] or None if found else None


def server_of(tool_name: str) -> str | None:
    """The MCP server in the name of a tool: `mcp__github__search`."""
    parts = tool_name.split("__", 2)
    return line(parts[1]) if len(parts) == 3 and parts[0] == "mcp" and parts[1] else None


def about(tool_name: str, arguments: object) -> str:
    """A phrase that says what a tool is used for: `Bash: make test`."""
    if tool_name in QUESTION_TOOLS:
        asked = next((text(one, "question") for one in objects(arguments, "questions")), None)
        if asked is not None:
            return asked
    told = next((found for name in _ABOUT if (found := line(at(arguments, name))) is not None), None)
    return f"{tool_name}: {told}" if told else tool_name


def answer_of(content: object) -> str | None:
    """The answer of a subagent, without the notes that Claude Code puts before it."""
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


def truth(value: object) -> bool:
    """True if a value is a spelling of true."""
    return flag(value) is True
