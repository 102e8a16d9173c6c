"""Tasks: claimNextTask, claimTask, reportTaskProgress, completeTask, failTask, releaseTask."""

from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Private

from gql.mutations.action import Info, action_of
from gql.mutations.inputs import by_column
from gql.mutations.payloads import row
from gql.scalars import JSON
from gql.types.builder import NAMES, enum_type
from models.enums import TaskType
from services.tasks import claims, tasks
from services.tasks.claims import Claim
from services.tasks.leases import LEASE
from services.tasks.tasks import Report

_TaskType = NAMES[enum_type(TaskType)]

SECONDS = int(LEASE.total_seconds())
LEASE_SECONDS = "How long the claim lasts unless it is renewed, 1 to 86,400 seconds."
HOLDER = "Key of the instance that holds the task."


@strawberry.input(description="Who asks for work.")
class ClaimNextTaskInput:
    cc_instance_id: UUID = strawberry.field(description="Key of the instance.")
    task_types: list[_TaskType] | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="Kinds of work it takes; any when this is left out."
    )
    lease_seconds: int = strawberry.field(default=SECONDS, description=LEASE_SECONDS)


@strawberry.input(description="Which task is to go to which instance.")
class ClaimTaskInput:
    task_id: UUID = strawberry.field(description="Key of the task.")
    cc_instance_id: UUID = strawberry.field(description="Key of the instance.")
    lease_seconds: int = strawberry.field(default=SECONDS, description=LEASE_SECONDS)


@strawberry.input(description="How far a task has come.")
class ReportTaskProgressInput:
    task_id: UUID = strawberry.field(description="Key of the task.")
    cc_instance_id: UUID = strawberry.field(description=HOLDER)
    message: str | None = strawberry.field(default=None, description="What there is to say, for the log.")
    performance_metrics: JSON | None = strawberry.field(default=None, description="Figures, for the log.")
    lease_seconds: int = strawberry.field(default=SECONDS, description=LEASE_SECONDS)


@strawberry.input(description="A task that has been done.")
class CompleteTaskInput:
    task_id: UUID = strawberry.field(description="Key of the task.")
    cc_instance_id: UUID = strawberry.field(description=HOLDER)
    output_data: JSON | None = strawberry.field(default=UNSET, description="What came of it.")
    message: str | None = strawberry.field(default=None, description="What there is to say, for the log.")


@strawberry.input(description="A task that its holder gives up.")
class EndTaskInput:
    task_id: UUID = strawberry.field(description="Key of the task.")
    cc_instance_id: UUID = strawberry.field(description=HOLDER)
    message: str | None = strawberry.field(default=None, description="Why, for the log.")


@strawberry.type(description="The task that was claimed.")
class ClaimNextTaskPayload:
    key: Private[UUID | None]
    task = row("Task", "key", "The task; null when none is ready.", optional=True)


@strawberry.type
class _WithTask:
    key: Private[UUID]
    task = row("Task", "key", "The task as it is now.")


@strawberry.type(description="The task that was claimed.")
class ClaimTaskPayload(_WithTask):
    pass


@strawberry.type(description="The task whose claim was renewed.")
class ReportTaskProgressPayload(_WithTask):
    pass


@strawberry.type(description="The task that has been done.")
class CompleteTaskPayload(_WithTask):
    pass


@strawberry.type(description="The task that has failed.")
class FailTaskPayload(_WithTask):
    pass


@strawberry.type(description="The task that is queued again.")
class ReleaseTaskPayload(_WithTask):
    pass


async def _taken(info: Info, claim: Claim, claiming: Coroutine[Any, Any, UUID | None]) -> UUID | None:
    """The task that is claimed, which is given back where the caller does not hear of it."""
    release = replace(action_of(info), name="releaseTask")
    return await info.context.handed_out.take(
        claiming, lambda task_id: tasks.release(release, Report(task_id, claim.instance_id))
    )


@strawberry.type
class TaskMutations:
    @strawberry.mutation(
        description=(
            "Give an instance the first ready task of its project, by priority, then age. No two callers "
            "get the same one. The claim runs out unless reportTaskProgress renews it; the task is then "
            "queued again."
        )
    )
    async def claim_next_task(self, info: Info, input: ClaimNextTaskInput) -> ClaimNextTaskPayload:
        kinds = None if input.task_types is None else tuple(TaskType(kind) for kind in input.task_types)
        claim = Claim(input.cc_instance_id, timedelta(seconds=input.lease_seconds), kinds)
        key = await _taken(info, claim, claims.claim_next(action_of(info), claim))
        return ClaimNextTaskPayload(key=key)

    @strawberry.mutation(description="Give an instance this very task, if it is ready.")
    async def claim_task(self, info: Info, input: ClaimTaskInput) -> ClaimTaskPayload:
        claim = Claim(input.cc_instance_id, timedelta(seconds=input.lease_seconds))
        await _taken(info, claim, claims.claim(action_of(info), input.task_id, claim))
        return ClaimTaskPayload(key=input.task_id)

    @strawberry.mutation(description="Log how far a task has come, and renew its claim.")
    async def report_task_progress(
        self, info: Info, input: ReportTaskProgressInput
    ) -> ReportTaskProgressPayload:
        said = Report(input.task_id, input.cc_instance_id, input.message, input.performance_metrics)
        await tasks.report(action_of(info), said, timedelta(seconds=input.lease_seconds))
        return ReportTaskProgressPayload(key=input.task_id)

    @strawberry.mutation(description="End a task well, as its holder; the time it took is computed.")
    async def complete_task(self, info: Info, input: CompleteTaskInput) -> CompleteTaskPayload:
        said = Report(input.task_id, input.cc_instance_id, input.message)
        given = {} if input.output_data is UNSET else {"outputData": input.output_data}
        results = by_column("tasks", given)
        await tasks.complete(action_of(info), said, results)
        return CompleteTaskPayload(key=input.task_id)

    @strawberry.mutation(description="End a task badly, as its holder.")
    async def fail_task(self, info: Info, input: EndTaskInput) -> FailTaskPayload:
        await tasks.fail(action_of(info), Report(input.task_id, input.cc_instance_id, input.message))
        return FailTaskPayload(key=input.task_id)

    @strawberry.mutation(description="Queue a claimed task again, as its holder.")
    async def release_task(self, info: Info, input: EndTaskInput) -> ReleaseTaskPayload:
        await tasks.release(action_of(info), Report(input.task_id, input.cc_instance_id, input.message))
        return ReleaseTaskPayload(key=input.task_id)
