"""Claims of tasks: claim_next_task, renew_claim, complete_task, fail_task, release_task."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import HeldRow, TaskRow, place_of, read_claimed, read_task
from app.mcp.tool import tool
from app.mcp.values import WHOLE, Data, Given, Instance, Kind, LeaseSeconds, Message, Told
from services.tasks import claims, tasks
from services.tasks.claims import Claim
from services.tasks.leases import LEASE
from services.tasks.tasks import Report

LONGEST_WAIT: Final = 50
"""Seconds that a call waits for work: less than most proxies and clients wait for an answer."""

TOLD_EVERY: Final = 5.0
"""Seconds between two signs of progress of a call that waits."""

_SECONDS: Final = int(LEASE.total_seconds())

_NONE_READY: Final = (
    "No task is ready for you: wait with `waitSeconds`; get_available_tasks says what is blocked."
)
_CLAIMED: Final = (
    "Renew the claim with report_progress or renew_claim before `leaseExpiresAt`; "
    "end it with complete_task, fail_task or release_task."
)
_ENDED_BEFORE: Final = "The task had ended so before: what the first call said counts."


class ClaimNextTask(Given):
    """Who asks for work."""

    instance: Instance = None
    task_types: Annotated[
        list[Kind] | None, Field(description="Kinds of work you take; any when left out.", max_length=4)
    ] = None
    lease_seconds: LeaseSeconds = _SECONDS
    wait_seconds: Annotated[
        int,
        Field(ge=0, le=LONGEST_WAIT, description="How long to wait for a task when none is ready."),
        WHOLE,
    ] = 0


class Claimed(Told):
    """The task that was claimed; none when nothing is ready."""

    task: TaskRow | None = None
    also_held: Annotated[
        list[HeldRow] | None,
        Field(description="Tasks that you claimed before and hold still, at most five."),
    ] = None

    def text(self) -> str:
        """The same in words."""
        if self.task is None:
            return str(self.hint)
        return (
            f"Claimed {self.task.name} ({self.task.id}) until {self.task.lease_expires_at}."
            f"\n{self.task.instruction or self.task.description or ''}\n{self.hint}"
        )


class HeldTask(Given):
    """A task that you hold."""

    task_id: Annotated[UUID, Field(description="Key of the task that you hold.")]
    instance: Instance = None


class RenewClaim(HeldTask):
    """A claim that is to go on."""

    lease_seconds: LeaseSeconds = _SECONDS


class CompleteTask(HeldTask):
    """What came of a task."""

    output_data: Annotated[Data, Field(description="What came of it: any JSON.")] = None
    message: Message = None


class EndTask(HeldTask):
    """A task that is given up."""

    message: Annotated[str | None, Field(description="Why, for the log.")] = None


class TaskNow(Told):
    """The task as it is now."""

    task: TaskRow

    def text(self) -> str:
        """The same in words."""
        until = f" until {self.task.lease_expires_at}" if self.task.lease_expires_at else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.task.line()}{until}.{hint}"


@tool("Claim the next task")
async def claim_next_task(call: Call, given: ClaimNextTask) -> Claimed:
    """Take the next ready task of your project, by priority, then age: of many who ask, exactly one
    gets it. You hold it for `leaseSeconds`; then it is queued again unless you renew the claim. Begin
    every round of work with it.
    """
    instance = call.instance(given.instance)
    kinds = None if given.task_types is None else tuple(given.task_types)
    claim = Claim(instance, timedelta(seconds=given.lease_seconds), kinds)
    task_id = await take(call, claim, claims.claim_next(call.action, claim))
    if task_id is None and given.wait_seconds:
        task_id = await _wait(call, claim, given.wait_seconds)
    task, held = await read_claimed(call, task_id, instance)
    hint = _NONE_READY if task is None else _CLAIMED
    return Claimed(task=task, also_held=held or None, hint=f"{hint} {_held(held)}" if held else hint)


def _held(held: Sequence[HeldRow]) -> str:
    """A sentence about tasks that the caller may not know of: the answer to their claim may be lost."""
    names = ", ".join(f"{task.name} ({task.id}, until {task.lease_expires_at})" for task in held)
    return f"You hold besides: {names}. Go on with what is yours; release_task gives back the rest."


async def take(call: Call, claim: Claim, claiming: Coroutine[Any, Any, UUID | None]) -> UUID | None:
    """The task that is claimed, which is given back where the caller does not hear of it."""
    release = replace(call.action, name="releaseTask")
    return await call.handed_out.take(
        claiming, lambda task_id: tasks.release(release, Report(task_id, claim.instance_id))
    )


async def _wait(call: Call, claim: Claim, seconds: float) -> UUID | None:
    """Claim once something is ready, before `seconds` are over."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    project_id = UUID(str((await place_of(call, claim.instance_id))["projectId"]))
    async with call.waits.listening(call.principal, project_id) as signal:
        while (task_id := await take(call, claim, claims.claim_next(call.action, claim))) is None:
            while not await signal.wait(min(TOLD_EVERY, max(0.0, began + seconds - loop.time()))):
                waited = loop.time() - began
                if waited >= seconds or signal.ending:
                    return None
                await call.progress(waited, seconds, "Nothing is ready yet.")
    return task_id


async def completed(call: Call, said: Report, results: Mapping[str, Any]) -> TaskNow:
    """The task, ended well; with a hint where it was completed before with other results."""
    is_new = await tasks.complete(call.action, said, results)
    task = await read_task(call, said.task_id)
    differs = said.message is not None or (
        "output_data" in results and results["output_data"] != task.output_data
    )
    return TaskNow(task=task, hint=_ENDED_BEFORE if differs and not is_new else None)


@tool("Renew a claim", idempotent=True)
async def renew_claim(call: Call, given: RenewClaim) -> TaskNow:
    """Hold a claimed task for longer. Use it during long work, before `leaseExpiresAt`; report_progress
    does the same and logs what you say.
    """
    said = Report(given.task_id, call.instance(given.instance))
    await tasks.report(call.action, said, timedelta(seconds=given.lease_seconds))
    return TaskNow(task=await read_task(call, given.task_id))


@tool("Complete a task", idempotent=True)
async def complete_task(call: Call, given: CompleteTask) -> TaskNow:
    """End a task well that you hold, with what came of it. Tasks that waited for it become ready. The
    same call again changes nothing; a task whose claim you lost is a CONFLICT.
    """
    said = Report(given.task_id, call.instance(given.instance), given.message)
    is_given = "output_data" in given.model_fields_set
    return await completed(call, said, {"output_data": given.output_data} if is_given else {})


@tool("Fail a task", idempotent=True)
async def fail_task(call: Call, given: EndTask) -> TaskNow:
    """End a task badly that you hold: say in `message` why. What depends on it stays blocked until it
    is queued again and done. To hand it back instead, use release_task.
    """
    said = Report(given.task_id, call.instance(given.instance), given.message)
    is_new = await tasks.fail(call.action, said)
    return TaskNow(
        task=await read_task(call, given.task_id),
        hint=_ENDED_BEFORE if not is_new and given.message is not None else None,
    )


@tool("Release a task")
async def release_task(call: Call, given: EndTask) -> TaskNow:
    """Put a task that you hold back into the queue, for others or for later, when you cannot go on with
    it and nothing is wrong with it.
    """
    await tasks.release(call.action, Report(given.task_id, call.instance(given.instance), given.message))
    return TaskNow(task=await read_task(call, given.task_id))
