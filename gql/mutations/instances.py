"""Instances: createChildCc, startCcInstance and the other steps, terminateCcInstance, heartbeat."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import Private

from gql.mutations.action import Info, action_of
from gql.mutations.inputs import by_column, part_of
from gql.mutations.payloads import row, rows
from gql.types.builder import NAMES, enum_type
from models.enums import CcInstanceStatus, PermissionAnswer, PermissionDecision
from services.instances import permission_requests
from services.instances.instances import (
    InstanceMove,
    NewChild,
    create_child,
    move,
    record_heartbeats,
    terminate,
)

ChildInstance: Any = part_of(
    "cc_instances",
    "ChildCcInput",
    "A child instance.",
    without=("project_id", "parent_instance_id", "type", "status"),
)
ChildTask: Any = part_of(
    "tasks", "ChildTaskInput", "A task for the child.", without=("project_id", "assigned_to", "status")
)
ChildWorktree: Any = part_of(
    "git_worktrees",
    "ChildWorktreeInput",
    "A worktree for the child.",
    without=("project_id", "cc_instance_id", "task_id"),
)


_Answer = NAMES[enum_type(PermissionAnswer)]


@strawberry.input(description="A child instance and what it needs to begin.")
class CreateChildCcInput:
    parent_instance_id: UUID = strawberry.field(description="Key of the instance that starts it.")
    instance: ChildInstance = strawberry.field(description="The child.")
    worktree: ChildWorktree | None = strawberry.field(default=None, description="Its git worktree.")
    task: ChildTask | None = strawberry.field(default=None, description="A new task for it.")
    task_id: UUID | None = strawberry.field(default=None, description="Key of a task instead of a new one.")
    instruction: str | None = strawberry.field(default=None, description="Its first ultrathink message.")


@strawberry.type(description="What was made.")
class CreateChildCcPayload:
    instance_id: Private[UUID]
    git_worktree_id: Private[UUID | None]
    task_id: Private[UUID | None]
    message_id: Private[UUID | None]
    cc_instance = row("CcInstance", "instance_id", "The child.")
    git_worktree = row("GitWorktree", "git_worktree_id", "Its worktree.", optional=True)
    task = row("Task", "task_id", "Its task.", optional=True)
    ultrathink_message = row("UltrathinkMessage", "message_id", "Its first message.", optional=True)


@strawberry.input(description="Which instance starts to run.")
class StartCcInstanceInput:
    id: UUID = strawberry.field(description="Key of the instance.")
    process_id: str | None = strawberry.field(
        default=None, description="Id of the operating system's process."
    )


@strawberry.input(description="Which instance is meant.")
class CcInstanceKeyInput:
    id: UUID = strawberry.field(description="Key of the instance.")


@strawberry.input(description="Which instance has ended, and how.")
class EndCcInstanceInput:
    id: UUID = strawberry.field(description="Key of the instance.")
    exit_code: int | None = strawberry.field(default=None, description="Exit code of its process.")


@strawberry.type
class _WithInstance:
    key: Private[UUID]
    cc_instance = row("CcInstance", "key", "The instance as it is now.")


@strawberry.type(description="The instance that runs.")
class StartCcInstancePayload(_WithInstance):
    pass


@strawberry.type(description="The instance that waits.")
class IdleCcInstancePayload(_WithInstance):
    pass


@strawberry.type(description="The instance that has stopped.")
class StopCcInstancePayload(_WithInstance):
    pass


@strawberry.type(description="The instance that has failed.")
class FailCcInstancePayload(_WithInstance):
    pass


@strawberry.type(description="The instances that were stopped.")
class TerminateCcInstancePayload:
    keys: Private[list[UUID]]
    cc_instances = rows("CcInstance", "keys", "The instance and those below it that still lived.")


@strawberry.input(description="Which instances are alive.")
class HeartbeatInput:
    ids: list[UUID] = strawberry.field(description="1 to 1,000 keys of instances.")


@strawberry.type(description="Who was heard.")
class HeartbeatPayload:
    keys: Private[list[UUID]]

    @strawberry.field(description="Keys of the instances that live; the others have ended or are not yours.")
    def alive(self) -> list[UUID]:
        return self.keys


@strawberry.input(description="Which permission is answered, and how.")
class AnswerPermissionRequestInput:
    id: UUID = strawberry.field(description="Key of the request.")
    decision: _Answer = strawberry.field(  # type: ignore[valid-type]
        description="Whether the tool may be used."
    )
    message: str | None = strawberry.field(
        default=None, description="What Claude is told with it, such as why not."
    )


@strawberry.type(description="The permission that was asked for.")
class AnswerPermissionRequestPayload:
    key: Private[UUID]
    cc_permission_request = row("CcPermissionRequest", "key", "The request with its answer.")


@strawberry.type
class InstanceMutations:
    @strawberry.mutation(
        description="Make a child instance with its worktree, task and first instruction: all or nothing."
    )
    async def create_child_cc(self, info: Info, input: CreateChildCcInput) -> CreateChildCcPayload:
        child = NewChild(
            input.parent_instance_id,
            by_column("cc_instances", input.instance),
            None if input.worktree is None else by_column("git_worktrees", input.worktree),
            None if input.task is None else by_column("tasks", input.task),
            input.task_id,
            input.instruction,
        )
        created = await create_child(action_of(info), child)
        return CreateChildCcPayload(
            instance_id=created.instance_id,
            git_worktree_id=created.git_worktree_id,
            task_id=created.task_id,
            message_id=created.ultrathink_message_id,
        )

    @strawberry.mutation(description="Let an instance run, if its project has room (maxParallelCc).")
    async def start_cc_instance(self, info: Info, input: StartCcInstanceInput) -> StartCcInstancePayload:
        await move(action_of(info), InstanceMove(input.id, CcInstanceStatus.RUNNING, input.process_id))
        return StartCcInstancePayload(key=input.id)

    @strawberry.mutation(description="Let a running instance wait for work.")
    async def idle_cc_instance(self, info: Info, input: CcInstanceKeyInput) -> IdleCcInstancePayload:
        await move(action_of(info), InstanceMove(input.id, CcInstanceStatus.IDLE))
        return IdleCcInstancePayload(key=input.id)

    @strawberry.mutation(description="Note that an instance has stopped, for good.")
    async def stop_cc_instance(self, info: Info, input: EndCcInstanceInput) -> StopCcInstancePayload:
        await move(
            action_of(info), InstanceMove(input.id, CcInstanceStatus.STOPPED, exit_code=input.exit_code)
        )
        return StopCcInstancePayload(key=input.id)

    @strawberry.mutation(description="Note that an instance has failed; it may be started again.")
    async def fail_cc_instance(self, info: Info, input: EndCcInstanceInput) -> FailCcInstancePayload:
        await move(action_of(info), InstanceMove(input.id, CcInstanceStatus.ERROR, exit_code=input.exit_code))
        return FailCcInstancePayload(key=input.id)

    @strawberry.mutation(
        description="Stop an instance and everything below it; claimed tasks are queued again."
    )
    async def terminate_cc_instance(
        self, info: Info, input: EndCcInstanceInput
    ) -> TerminateCcInstancePayload:
        stopped = await terminate(action_of(info), input.id, input.exit_code)
        return TerminateCcInstancePayload(keys=stopped)

    @strawberry.mutation(description="Signs of life of many instances at once.")
    async def heartbeat(self, info: Info, input: HeartbeatInput) -> HeartbeatPayload:
        return HeartbeatPayload(keys=await record_heartbeats(action_of(info), input.ids))

    @strawberry.mutation(
        description=(
            "Answer a permission that an instance asks for. The first answer counts; a second is a CONFLICT."
        )
    )
    async def answer_permission_request(
        self, info: Info, input: AnswerPermissionRequestInput
    ) -> AnswerPermissionRequestPayload:
        decision = PermissionDecision(str(input.decision))
        await permission_requests.answer(action_of(info), input.id, decision, input.message)
        return AnswerPermissionRequestPayload(key=input.id)
