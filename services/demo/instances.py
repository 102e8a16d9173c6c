"""Demo CC instances, the worktrees that isolate them, and the instructions that reach them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.demo.json_text import json_text
from services.demo.projects import Project
from services.demo.schedules import Timetable, timetables
from services.demo.seeded_random import Chance
from services.demo.tasks import DependencyRow, TaskRow, dependencies, task_row
from services.demo.words import Phrase

_DONE = Phrase("Done: {name}. {passed} tests pass.", "完了: {name}。テスト{passed}件が成功。")
_STUCK = Phrase("Stopped: {name}. The tests fail.", "中断: {name}。テストが失敗した。")
_PROGRESS = Phrase("How far is the work? Answer in one line.", "進み具合を一行で答えること。")
_HALFWAY = Phrase("The code stands, the tests are being written.", "実装は済み、テストを書いている。")
_TERMINATION = Phrase("All steps are done. Commit and stop.", "全工程が完了。コミットして終了すること。")


class InstanceRow(NamedTuple):
    """A row of cc_instances."""

    id: UUID
    project_id: UUID
    name: str
    type: str
    status: str
    parent_instance_id: UUID | None
    worktree_path: str
    process_id: str | None
    socket_id: UUID | None
    startup_command: str
    resource_limits: str
    created_at: datetime
    started_at: datetime
    last_heartbeat: datetime | None
    terminated_at: datetime | None
    exit_code: int | None
    activity: str | None = None
    activity_since: datetime | None = None
    activity_detail: str | None = None
    model: str | None = None
    last_message: str | None = None
    context_used_percent: int | None = None


class GitWorktreeRow(NamedTuple):
    """A row of git_worktrees."""

    id: UUID
    project_id: UUID
    cc_instance_id: UUID
    task_id: UUID
    worktree_name: str
    worktree_path: str
    base_branch: str
    current_branch: str
    git_status: str
    created_at: datetime
    last_commit_hash: str
    last_commit_at: datetime
    cleanup_scheduled_at: datetime | None
    cleanup_completed_at: datetime | None


class UltrathinkRow(NamedTuple):
    """A row of ultrathink_messages."""

    id: UUID
    parent_instance_id: UUID | None
    child_instance_id: UUID
    task_id: UUID
    instruction_type: str
    instruction_content: str
    keyword_detected: bool
    sent_at: datetime
    acknowledged_at: datetime | None
    response_content: str | None
    execution_started_at: datetime | None
    completed_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class Wave:
    """The rows of one wave of work. Instance 0 is the parent; `assigned[n]` is the instance of step n."""

    project: Project
    parent: TaskRow
    steps: list[TaskRow]
    dependencies: list[DependencyRow]
    instances: list[InstanceRow]
    assigned: list[InstanceRow | None]


def waves(projects: list[Project], sockets: dict[int, list[UUID]], seed: int, until: datetime) -> list[Wave]:
    """All work of all projects; `sockets` are the WebSocket sessions of each user."""
    drawn = []
    for project in projects:
        chance = Chance(seed, "waves", project.id)
        earlier: list[TaskRow] = []
        for plan in timetables(project.created_at, until, active=project.status == "active", chance=chance):
            wave = _wave(project, plan, earlier, sockets.get(project.owner.row.id, []), until, chance)
            earlier += wave.steps
            drawn.append(wave)
    return drawn


def _wave(
    project: Project,
    plan: Timetable,
    earlier: list[TaskRow],
    sockets: list[UUID],
    until: datetime,
    chance: Chance,
) -> Wave:
    shifts = [plan.shift(worker) for worker in range(plan.children + 1)]
    ids = [chance.uuid(begun) for begun, _ in shifts]
    paths = [project.directory] + [f"/srv/worktrees/{project.slug}/cc-{key.hex[-8:]}" for key in ids[1:]]
    parent = task_row(project, plan.parent, None, ids[0], paths[0], until, chance)
    steps = [
        task_row(project, slot, parent.id, ids[slot.worker], paths[slot.worker], until, chance)
        for slot in plan.steps
    ]
    above = [None, *(ids[0] for _ in ids[1:])]
    if plan.children == 3 and shifts[1][0] < shifts[3][0] and shifts[3][1] < shifts[1][1]:
        above[3] = ids[1]
    instances = [
        _instance(project, ids[worker], above[worker], paths[worker], shifts[worker], sockets, until, chance)
        for worker in range(plan.children + 1)
    ]
    for task in (parent, *steps):
        if task.status == "RUNNING":
            worker = ids.index(task.assigned_to) if task.assigned_to else 0
            instances[worker] = instances[worker]._replace(status="RUNNING")
    by_id = {row.id: row for row in instances if row.created_at <= until}
    return Wave(
        project=project,
        parent=parent,
        steps=steps,
        dependencies=list(dependencies(steps, plan.steps, earlier, chance)),
        instances=list(by_id.values()),
        assigned=[by_id[task.assigned_to] if task.assigned_to else None for task in steps],
    )


def _instance(
    project: Project,
    key: UUID,
    parent: UUID | None,
    worktree_path: str,
    shift: tuple[datetime, datetime],
    sockets: list[UUID],
    until: datetime,
    chance: Chance,
) -> InstanceRow:
    """The instance as it stood at `until`; one at work becomes RUNNING later, when its tasks are known.

    Nothing runs behind a demo instance, so one that is alive has never sent a heartbeat: the watch over
    silent instances would otherwise turn it into ERROR at once.
    """
    begun, ended = shift
    over = ended <= until
    crashed = over and chance.happens(0.03)
    return InstanceRow(
        id=key,
        project_id=project.uuid,
        name=f"{project.subject.slug}-{'child' if parent else 'parent'}-{key.hex[-4:]}",
        type="CHILD" if parent else "PARENT",
        status=("ERROR" if crashed else "STOPPED") if over else "IDLE",
        parent_instance_id=parent,
        worktree_path=worktree_path,
        process_id=None if over else str(chance.between(2_000, 60_000)),
        socket_id=chance.pick(sockets) if sockets and chance.happens(0.3) else None,
        startup_command="claude --mcp-config mcp.json",
        resource_limits=json_text({"memory_mb": 1024, "cpu": 1.0}),
        created_at=begun,
        started_at=begun + timedelta(seconds=30),
        last_heartbeat=ended - timedelta(seconds=5) if over else None,
        terminated_at=ended if over else None,
        exit_code=(1 if crashed else 0) if over else None,
    )


def git_worktrees(wave: Wave, seed: int, until: datetime) -> Iterator[GitWorktreeRow]:
    """One for each child instance, for the first task that it was given; removed a day after its end."""
    seen = set[UUID]()
    for task, instance in zip(wave.steps, wave.assigned, strict=True):
        if instance is None or instance.id in seen:
            continue
        seen.add(instance.id)
        chance = Chance(seed, "git_worktree", instance.id)
        ended = instance.terminated_at
        scheduled = ended + timedelta(days=1) if ended else None
        yield GitWorktreeRow(
            id=chance.uuid(instance.created_at),
            project_id=wave.project.uuid,
            cc_instance_id=instance.id,
            task_id=task.id,
            worktree_name=instance.worktree_path.rpartition("/")[2],
            worktree_path=instance.worktree_path,
            base_branch="main",
            current_branch=f"task/{task.id.hex[-8:]}",
            git_status=json_text(
                {
                    "modified": [] if ended else chance.some(wave.project.files, 2),
                    "staged": [],
                    "untracked": [],
                }
            ),
            created_at=instance.created_at,
            last_commit_hash=chance.hexadecimal(40),
            last_commit_at=task.updated_at,
            cleanup_scheduled_at=scheduled,
            cleanup_completed_at=(
                scheduled + timedelta(minutes=2)
                if scheduled and scheduled < until - timedelta(hours=1)
                else None
            ),
        )


def ultrathink_messages(wave: Wave, seed: int) -> Iterator[UltrathinkRow]:
    """Messages of parents to their children: the task, sometimes a question about progress, and the end."""
    language = wave.project.language
    last = {child.id: task.id for task, child in zip(wave.steps, wave.assigned, strict=True) if child}
    for task, child in zip(wave.steps, wave.assigned, strict=True):
        if child is None or task.started_at is None:
            continue
        chance = Chance(seed, "ultrathink", task.id)
        status = {"COMPLETED": "completed", "FAILED": "failed"}.get(task.status, "executing")
        reply = {"completed": _DONE, "failed": _STUCK}.get(status)
        yield _message(
            child,
            task,
            "task_assignment",
            task.instruction,
            reply.say(language, name=task.name, passed=chance.between(8, 140)) if reply else None,
            task.started_at - timedelta(seconds=60),
            task.completed_at,
            status,
            chance,
        )
        if task.completed_at and chance.happens(0.4):
            halfway = task.started_at + (task.completed_at - task.started_at) / 2
            question, answer = _PROGRESS.say(language), _HALFWAY.say(language)
            yield _message(
                child, task, "progress_request", question, answer, halfway, halfway, "completed", chance
            )
        if child.terminated_at and last[child.id] == task.id:
            farewell = _TERMINATION.say(language)
            ended = child.terminated_at - timedelta(seconds=50)
            yield _message(child, task, "termination", farewell, None, ended, ended, "completed", chance)


def _message(
    child: InstanceRow,
    task: TaskRow,
    instruction_type: str,
    content: str,
    response: str | None,
    sent_at: datetime,
    ended: datetime | None,
    status: str,
    chance: Chance,
) -> UltrathinkRow:
    acknowledged_at = sent_at + timedelta(seconds=chance.between(1, 20))
    begun_at = acknowledged_at + timedelta(seconds=chance.between(1, 20))
    return UltrathinkRow(
        id=chance.uuid(sent_at),
        parent_instance_id=child.parent_instance_id,
        child_instance_id=child.id,
        task_id=task.id,
        instruction_type=instruction_type,
        instruction_content=content,
        keyword_detected="ultrathink" in content.lower(),
        sent_at=sent_at,
        acknowledged_at=acknowledged_at,
        response_content=response,
        execution_started_at=begun_at,
        completed_at=max(ended, begun_at) if ended else None,
        status=status,
    )
