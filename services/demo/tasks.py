"""Demo tasks and what they depend on, requirements and features."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.demo.json_text import json_text
from services.demo.projects import Project
from services.demo.schedules import Slot
from services.demo.seeded_random import Chance
from services.demo.words import FEATURES, REQUIREMENTS, STEPS, WAVES, Phrase

INSTRUCTION = Phrase(
    "ultrathink: {name}. Read README.md first, keep the tests green, and commit on {branch}.",
    "ultrathink: {name}。README.mdを先に読み、テストを通したまま{branch}にコミットすること。",
)


class TaskRow(NamedTuple):
    """A row of tasks."""

    id: UUID
    project_id: UUID
    parent_task_id: UUID | None
    name: str
    description: str
    status: str
    priority: int
    task_type: str
    assigned_to: UUID | None
    instruction: str
    input_data: str
    output_data: str | None
    worktree_path: str | None
    estimated_duration_minutes: int
    actual_duration_minutes: int | None
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


class DependencyRow(NamedTuple):
    """A row of task_dependencies: `task_id` waits for `dependency_task_id`."""

    id: UUID
    task_id: UUID
    dependency_task_id: UUID
    dependency_type: str
    created_at: datetime


class RequirementRow(NamedTuple):
    """A row of requirements."""

    id: UUID
    project_id: UUID
    type: str
    title: str
    content: str
    priority: int
    status: str
    created_at: datetime
    updated_at: datetime


class FeatureRow(NamedTuple):
    """A row of features."""

    id: UUID
    project_id: UUID
    name: str
    description: str
    feature_type: str
    priority: int
    status: str
    mcp_integration: bool
    created_at: datetime
    updated_at: datetime


class Wording(NamedTuple):
    """The name of a task and the kind of work it is."""

    name: str
    task_type: str


def wording(project: Project, step: bool, chance: Chance) -> Wording:
    """A name and a type for a step, or for the parent task of a wave."""
    task_type, phrase = chance.pick(STEPS) if step else ("development", chance.pick(WAVES))
    return Wording(project.say(phrase), task_type)


def task_row(
    project: Project,
    slot: Slot,
    parent: UUID | None,
    instance: UUID,
    worktree_path: str,
    until: datetime,
    chance: Chance,
) -> TaskRow:
    """The task as it stood at `until`; it belongs to an instance from its start on."""
    name, task_type = wording(project, parent is not None, chance)
    status = slot.status(until)
    started, completed = slot.started_at <= until, slot.completed_at <= until
    minutes = max(1, round((slot.completed_at - slot.started_at).total_seconds() / 60))
    task_id = chance.uuid(slot.created_at)
    branch = f"task/{task_id.hex[-8:]}"
    times = (slot.queued_at <= until, started, completed)
    queued_at, started_at, completed_at = (
        at if passed else None
        for at, passed in zip((slot.queued_at, slot.started_at, slot.completed_at), times, strict=True)
    )
    return TaskRow(
        id=task_id,
        project_id=project.uuid,
        parent_task_id=parent,
        name=name,
        description=f"{name} ({project.name})",
        status=status,
        priority=chance.between(1, 10),
        task_type=task_type,
        assigned_to=instance if started else None,
        instruction=INSTRUCTION.say(project.language, name=name, branch=branch),
        input_data=json_text({"branch": branch, "files": chance.some(project.files, 2)}),
        output_data=_outcome(slot.failed, chance) if completed else None,
        worktree_path=worktree_path if started else None,
        estimated_duration_minutes=max(5, minutes + chance.between(-20, 25)),
        actual_duration_minutes=minutes if completed else None,
        created_at=slot.created_at,
        updated_at=completed_at or started_at or queued_at or slot.created_at,
        queued_at=queued_at,
        started_at=started_at,
        completed_at=completed_at,
    )


def _outcome(failed: bool, chance: Chance) -> str:
    passed = chance.between(8, 140)
    if failed:
        return json_text({"tests": {"passed": passed, "failed": chance.between(1, 4)}, "commit": None})
    return json_text({"tests": {"passed": passed, "failed": 0}, "commit": chance.hexadecimal(40)})


def dependencies(
    steps: list[TaskRow], slots: tuple[Slot, ...], earlier: list[TaskRow], chance: Chance
) -> Iterator[DependencyRow]:
    """Dependencies of the steps of a wave: on steps before them, and on tasks of waves before theirs.

    Every dependency points back in time, so there can be no cycle; what blocks comes from the timetable,
    or has completed long ago.
    """
    for step, slot in zip(steps, slots, strict=True):
        done = [
            task
            for task in earlier
            if task.status == "COMPLETED" and task.completed_at and task.completed_at < step.created_at
        ]
        if slot.blocked_by is not None:
            yield _dependency(step, steps[slot.blocked_by], "blocks", chance)
        required = chance.pick(done) if done and chance.happens(0.3) else None
        if required:
            yield _dependency(step, required, "requires", chance)
        suggested = chance.pick(earlier) if earlier and chance.happens(0.2) else None
        if suggested and suggested is not required:
            yield _dependency(step, suggested, "suggests", chance)


def _dependency(task: TaskRow, on: TaskRow, dependency_type: str, chance: Chance) -> DependencyRow:
    return DependencyRow(chance.uuid(task.created_at), task.id, on.id, dependency_type, task.created_at)


def requirements(projects: list[Project], seed: int, until: datetime) -> Iterator[RequirementRow]:
    """Five for each project, the older ones further along."""
    for project in projects:
        chance = Chance(seed, "requirements", project.id)
        for type_, title, content in REQUIREMENTS:
            created_at = project.created_at + chance.minutes(30, 60 * 24)
            updated_at = created_at + (until - created_at) * (chance.random() * 0.9)
            status = chance.pick(("draft", "approved", "implemented", "tested"))
            yield RequirementRow(
                id=chance.uuid(created_at),
                project_id=project.uuid,
                type=type_,
                title=project.say(title),
                content=project.say(content),
                priority=chance.between(1, 10),
                status=status,
                created_at=created_at,
                updated_at=created_at if status == "draft" else updated_at,
            )


def features(projects: list[Project], seed: int, until: datetime) -> Iterator[FeatureRow]:
    """Five for each project."""
    for project in projects:
        chance = Chance(seed, "features", project.id)
        for feature_type, phrase in FEATURES:
            created_at = project.created_at + chance.minutes(60, 60 * 48)
            status = chance.pick(("planned", "development", "testing", "completed"))
            changed = created_at + (until - created_at) * (chance.random() * 0.9)
            name = project.say(phrase)
            yield FeatureRow(
                id=chance.uuid(created_at),
                project_id=project.uuid,
                name=name,
                description=f"{name} ({project.name})",
                feature_type=feature_type,
                priority=chance.between(1, 10),
                status=status,
                mcp_integration=feature_type == "mcp",
                created_at=created_at,
                updated_at=created_at if status == "planned" else changed,
            )
