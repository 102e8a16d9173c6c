"""Tasks of Claude Code's own list, made anew from its tool calls and from hooks."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from models.enums import LogLevel, TaskLogPhase, TaskStatus, TaskType
from services.core.database import Connection
from services.fleet import keys
from services.fleet.entities import Entity
from services.fleet.facts import Fact, Kind, Witness
from services.fleet.precedence import micros
from services.fleet.sessions import Told, moment_of
from services.fleet.storing import concealed, insert, remove, upsert
from services.fleet.values import cut, line, objects, text

_TASK_TOOLS: Final = ("TaskCreate", "TaskUpdate", "TodoWrite")

_HAVE_TASKS: Final = """
SELECT DISTINCT cc_instance_id FROM mcp_tool_calls
WHERE id = ANY($1::uuid[]) AND tool_name = ANY($2::text[]) AND cc_instance_id = ANY($3::uuid[])
"""

_TASK_CALLS: Final = """
SELECT cc_instance_id, tool_name, arguments, result, started_at, completed_at
FROM mcp_tool_calls
WHERE cc_instance_id = ANY($1::uuid[]) AND tool_name = ANY($2::text[]) AND status = 'completed'
"""

_LOST_CALLS: Final = """
SELECT id, cc_instance_id, tool_name, arguments, result, started_at, completed_at
FROM mcp_tool_calls WHERE id = ANY($1::uuid[]) AND tool_name = ANY($2::text[]) AND status = 'completed'
"""

# Its logs would outlive a task. One that an instance has claimed through the API is carried on there.
_FORGET: Final = """
WITH gone AS (
    SELECT known.id FROM tasks known
    WHERE known.id = ANY($1::uuid[]) AND known.lease_expires_at IS NULL AND {guard}
), logs AS (DELETE FROM task_logs WHERE task_id IN (SELECT id FROM gone))
DELETE FROM tasks WHERE id IN (SELECT id FROM gone)
"""

_STATUSES: Final[Mapping[str, TaskStatus]] = {
    "pending": TaskStatus.PENDING,
    "in_progress": TaskStatus.RUNNING,
    "completed": TaskStatus.COMPLETED,
    "deleted": TaskStatus.FAILED,
}
"""Claude Code's own words for where a task stands. One that it took off its list will not be done."""


async def store_tasks(raw: Connection, sessions: Sequence[Told], touched: set[UUID], guard: str) -> None:
    """Tasks of Claude Code's list, from its tools and from hooks. `guard` is SQL about a task `known`."""
    instances = {key: session for session in sessions for key in session.instances}
    rows = await raw.fetch(_HAVE_TASKS, list(touched), list(_TASK_TOOLS), list(instances))
    concerned = {instances[row["cc_instance_id"]].key for row in rows}
    concerned |= {
        session.key
        for session in sessions
        if session.moved or session.has_lost_rows or any(entity.changed for entity in session.of(Kind.TASK))
    }
    of_sessions = [session for session in sessions if session.key in concerned]
    if not of_sessions:
        return
    agents = {
        session.instance(agent): (session, agent) for session in of_sessions for agent in session.agents
    }
    tasks: dict[UUID, dict[str, Entity]] = {
        session.key: {entity.name: _copied(entity) for entity in session.of(Kind.TASK)}
        for session in of_sessions
    }
    for call in await raw.fetch(_TASK_CALLS, list(agents), list(_TASK_TOOLS)):
        session, agent = agents[call["cc_instance_id"]]
        for fact in _task_facts(session, agent, call):
            known = tasks[session.key].setdefault(fact.id, Entity(Kind.TASK, fact.id))
            known.take(fact)
    await _write_tasks(raw, of_sessions, tasks, guard)


async def forget_tasks(raw: Connection, calls: Mapping[UUID, Told], guard: str) -> None:
    """Remove what was made of calls that another session has; what other calls tell is made anew.

    `calls` has their sessions by their keys; `guard` is SQL about a task `known`.
    """
    rows = await raw.fetch(_LOST_CALLS, list(calls), list(_TASK_TOOLS))
    tasks: set[UUID] = set()
    for row in rows:
        session = calls[row["id"]]
        session.has_lost_rows = True
        tasks |= {keys.row(session.key, "task", fact.id) for fact in _task_facts(session, "", row)}
    if tasks:
        await raw.execute(_FORGET.format(guard=guard), sorted(tasks))


def _copied(entity: Entity) -> Entity:
    return Entity(entity.kind, entity.name, dict(entity.weights), dict(entity.values))


def _task_facts(session: Told, agent: str, call: Record) -> Iterable[Fact]:
    """Facts about tasks in one call of a tool."""
    arguments, result = call["arguments"], call["result"]
    at: datetime = call["completed_at"] or call["started_at"]

    def fact(task: str, **values: Any) -> Fact:
        told = {name: value for name, value in values.items() if value is not None}
        return Fact(Kind.TASK, session.claude_id, task, Witness.TRANSCRIPT, at, at, {**told, "agent": agent})

    match call["tool_name"]:
        case "TaskCreate":
            task = _task_id(result)
            if task is not None:
                yield fact(
                    task,
                    name=line(text(arguments, "subject"), 500),
                    description=text(arguments, "description"),
                    status="pending",
                    created=micros(at),
                )
        case "TaskUpdate":
            task = text(arguments, "taskId") or text(arguments, "task_id")
            status = text(arguments, "status")
            if task is not None:
                yield fact(
                    task,
                    name=line(text(arguments, "subject"), 500),
                    description=text(arguments, "description"),
                    **_steps(status, at),
                )
        case "TodoWrite":
            for todo in objects(arguments, "todos"):
                content = text(todo, "content")
                if content is not None:
                    yield fact(
                        f"todo {content}",
                        name=line(content, 500),
                        created=micros(at),
                        **_steps(text(todo, "status"), at),
                    )
        case _:
            return


def _steps(status: str | None, at: datetime) -> dict[str, Any]:
    """The status, and the times that follow from it."""
    return {
        "status": status,
        "begun": micros(at) if status == "in_progress" else None,
        "ended": micros(at) if status in ("completed", "deleted") else None,
    }


def _task_id(result: object) -> str | None:
    """The id of the task that TaskCreate has made: in its result, or in the sentence about it."""
    task = text(result, "task", "id") or text(result, "taskId") or text(result, "id")
    if task is not None:
        return task
    if isinstance(result, str) and "#" in result:
        number = result.partition("#")[2].split()[:1]
        return number[0].strip(".:,") if number else None
    return None


async def _write_tasks(
    raw: Connection, sessions: Sequence[Told], tasks: Mapping[UUID, Mapping[str, Entity]], guard: str
) -> None:
    rows: dict[UUID, dict[str, Any]] = {}
    logs: dict[UUID, dict[str, Any]] = {}
    for session in sessions:
        for entity in tasks[session.key].values():
            key = keys.row(session.key, "task", entity.name)
            rows[key] = _task_row(session, entity)
            for name, said, phase in (
                ("created", "The task is on the list.", TaskLogPhase.SETUP),
                ("begun", "Work on the task has begun.", TaskLogPhase.EXECUTION),
                ("ended", "The task is done.", TaskLogPhase.CLEANUP),
            ):
                if (at := entity.values.get(name)) is None:
                    continue
                logs[keys.row(session.key, f"task {name}", entity.name)] = {
                    "task_id": key,
                    "cc_instance_id": rows[key]["assigned_to"],
                    "log_level": LogLevel.INFO.value,
                    "phase": phase.value,
                    "message": said,
                    "created_at": moment_of(at),
                }
    if not rows:
        return
    # A task that an instance has claimed through the API is carried on there.
    await upsert(
        raw,
        "tasks",
        await concealed("tasks", rows),
        fixed=("priority",),
        guard=f"known.lease_expires_at IS NULL AND {guard}",
    )
    stored = await raw.fetch("SELECT id, created_at FROM task_logs WHERE id = ANY($1::uuid[])", list(logs))
    there = {row["id"]: row["created_at"] for row in stored}
    stale = [key for key, at in there.items() if at != logs[key]["created_at"]]
    if stale:
        await remove(raw, "task_logs", stale)
    fresh = {key: row for key, row in logs.items() if there.get(key) != row["created_at"]}
    if fresh:
        await insert(raw, "task_logs", fresh)


def _task_row(session: Told, entity: Entity) -> dict[str, Any]:
    values = entity.values
    status = _STATUSES.get(str(values.get("status") or "pending"), TaskStatus.PENDING)
    created, begun, ended = (moment_of(values.get(name)) for name in ("created", "begun", "ended"))
    is_over = status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    minutes = None
    if is_over and begun is not None and ended is not None:
        minutes = max(-(-int((ended - begun).total_seconds()) // 60), 0)
    first = moment_of(session.entity(Kind.SESSION).values.get("started")) or moment_of(0)
    return {
        "project_id": None if session.place is None else session.place.project_id,
        "name": str(values.get("name") or f"Task {entity.name[:100]}"),
        "description": None if values.get("description") is None else cut(str(values["description"])),
        "status": status.value,
        "priority": 5,
        "task_type": TaskType.DEVELOPMENT.value,
        "assigned_to": session.instance(str(values.get("agent") or "")),
        "created_at": created or begun or ended or first,
        "started_at": begun if status is not TaskStatus.PENDING else None,
        "completed_at": ended if is_over else None,
        "actual_duration_minutes": minutes,
    }
