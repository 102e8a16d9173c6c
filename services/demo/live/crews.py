"""Scripts of a live demo fleet: a session whose instance plans tasks and has children carry them out."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from models.enums import (
    CcActivity,
    CcInstanceStatus,
    LogLevel,
    PermissionDecision,
    SessionStatus,
    TaskStatus,
    UltrathinkInstructionType,
    UltrathinkStatus,
)
from services.core.errors import Conflict, DomainError
from services.demo.live import texts
from services.demo.live.places import LivePlace, Means
from services.demo.live.texts import Tool
from services.demo.live.timeline import Timeline
from services.demo.live.workers import Worker
from services.demo.seeded_random import Chance
from services.demo.words import STEPS, WAVES
from services.instances import instances, ultrathink
from services.instances.instances import NewChild, create_child
from services.instances.permission_requests import answer
from services.instances.permission_waits import GivenAnswer
from services.notifications.notifications import send_to_sockets
from services.tasks.planning import PlannedDependency, PlannedTask, add_tasks
from services.writing.creating import create_row
from services.writing.table_actions import update_row

MOST_TASKS: Final = 12
"""Tasks that wait in a project before no more are planned."""

HELD_FOR: Final = timedelta(minutes=10)
"""How long a permission waits at most, by the clock; the fleet's own person is faster."""

_MOST_ROUNDS: Final = 200
"""Rounds of a parent, or looks of a child for work, before it ends whatever is left."""

_NAME: Final = "SELECT name AS id FROM tasks WHERE id = $1"

_WAITING: Final = """
SELECT id FROM tasks WHERE project_id = $1 AND status IN ('PENDING', 'QUEUED', 'RUNNING')
"""

_FAILED: Final = "SELECT id FROM tasks WHERE project_id = $1 AND status = 'FAILED' ORDER BY id LIMIT 20"


@dataclass(slots=True)
class Crew:
    """A session: how many children of its instance still work, and how many tasks they completed."""

    means: Means
    timeline: Timeline
    place: LivePlace
    chance: Chance
    at_work: int = 0
    done: int = 0
    children: list[Worker] = field(default_factory=list)

    async def play(self) -> None:
        """One session from its beginning to its end.

        Where a person changes things so that it cannot go on, such as by ending an instance, it ends.
        """
        parent = await self._begin()
        try:
            await self._lead(parent)
        except DomainError:
            await self._give_up(parent)

    async def _begin(self) -> Worker:
        place, means = self.place, self.means
        key = self.chance.uuid(means.now())
        session = {
            "session_id": key,
            "claude_session_id": str(key),
            "name": place.say(self.chance.pick(WAVES))[:100],
            "status": SessionStatus.STARTING,
            "working_directory": place.directory,
            "project_id": place.number,
        }
        number = await create_row(means.action(place.owner, "createSession"), "sessions", session)
        running = {"status": SessionStatus.RUNNING}
        await update_row(means.action(place.owner, "updateSession"), "sessions", number, running)
        instance = {
            "id": key,
            "project_id": place.project_id,
            "name": f"{place.subject.slug}-{key.hex[-4:]}",
            "worktree_path": place.directory,
            "startup_command": "claude",
        }
        await create_row(means.action(place.owner, "createCcInstance"), "cc_instances", instance)
        return Worker(means, place, self.chance, key, key)

    async def _lead(self, parent: Worker) -> None:
        pause, chance = self.timeline.pause, self.chance
        await parent.begin()
        await pause(3)
        await parent.use_model()
        await self._plan(parent)
        for number in range(chance.between(2, 3)):
            await pause(chance.between(2, 6))
            child = await self._child(parent, number)
            self.at_work += 1
            self.timeline.begin(self._work(child), after=1)
        for _ in range(_MOST_ROUNDS):
            await pause(chance.between(6, 15))
            if not self.at_work:
                break
            await self._look_after(parent)
        await self._finish(parent)

    async def _plan(self, parent: Worker) -> None:
        """Queue again what failed, and add a handful of tasks of which some wait for others."""
        place, means, chance = self.place, self.means, self.chance
        for task in await means.keys(_FAILED, place.project_id):
            await self._queue_again(task)
        if len(await means.keys(_WAITING, place.project_id)) >= MOST_TASKS:
            return
        steps = chance.some(STEPS, chance.between(4, 6))
        plan = [
            PlannedTask(
                {
                    "name": place.say(name),
                    "task_type": kind,
                    "priority": chance.between(2, 9),
                    "instruction": f"ultrathink: {place.say(name)}",
                    "estimated_duration_minutes": chance.between(1, 20),
                },
                dependencies=self._waits_for(position),
            )
            for position, (kind, name) in enumerate(steps)
        ]
        await add_tasks(means.action(place.owner, "planTasks"), place.project_id, plan)
        await parent.prompt(texts.PROMPT)

    def _waits_for(self, position: int) -> Sequence[PlannedDependency]:
        if position == 0 or self.chance.happens(0.4):
            return ()
        return (PlannedDependency(self.chance.below(position)),)

    async def _child(self, parent: Worker, number: int) -> Worker:
        place, chance = self.place, self.chance
        mark = f"{chance.hexadecimal(6)}-{number}"
        made = await create_child(
            self.means.action(place.owner, "createChildCc"),
            NewChild(
                parent.key,
                {"name": f"{place.subject.slug}-{mark}", "startup_command": "claude"},
                {
                    "worktree_name": mark,
                    "worktree_path": f"/srv/worktrees/{place.subject.slug}-live/{mark}",
                    "base_branch": "main",
                    "current_branch": f"task/{mark}",
                },
                instruction=place.say(texts.ASSIGNMENT),
            ),
        )
        child = Worker(
            self.means,
            place,
            Chance(chance.between(0, 1 << 30), "child", number),
            made.instance_id,
            parent.session_id,
            made.ultrathink_message_id,
        )
        self.children.append(child)
        return child

    async def _look_after(self, parent: Worker) -> None:
        """Play a parent while its children work."""
        chance = self.chance
        await parent.use_model()
        if chance.happens(0.12):
            await self._question(parent)
        elif chance.happens(0.1):
            await self._overloaded(parent)
        elif chance.happens(0.25):
            await self._ask_how_far(parent)
        elif chance.happens(0.5):
            await self._use(parent, chance.pick(texts.TOOLS))
        await parent.say(CcActivity.BACKGROUND)
        for task in await self.means.keys(_FAILED, self.place.project_id):
            await self._queue_again(task)

    async def _question(self, parent: Worker) -> None:
        await parent.see(CcActivity.WAITING_ANSWER, self.place.say(texts.QUESTION))
        await self.timeline.pause(self.chance.between(8, 40))

    async def _overloaded(self, worker: Worker) -> None:
        for attempt in range(1, self.chance.between(2, 4)):
            await worker.see(CcActivity.RETRYING, self.place.say(texts.RETRYING, count=attempt))
            await self.timeline.pause(2.0**attempt)

    async def _ask_how_far(self, parent: Worker) -> None:
        child = self.chance.pick(self.children)
        place = self.place
        key = await ultrathink.send(
            self.means.action(place.owner, "sendUltrathinkMessage"),
            {
                "parent_instance_id": parent.key,
                "child_instance_id": child.key,
                "instruction_type": UltrathinkInstructionType.PROGRESS_REQUEST,
                "instruction_content": place.say(texts.HOW_FAR),
            },
        )
        said = place.say(texts.SO_FAR, count=self.done)
        for status in (
            UltrathinkStatus.ACKNOWLEDGED,
            UltrathinkStatus.EXECUTING,
            UltrathinkStatus.COMPLETED,
        ):
            await self.timeline.pause(1)
            reply = said if status is UltrathinkStatus.COMPLETED else None
            await ultrathink.advance(
                self.means.action(place.owner, "advanceUltrathinkMessage"), key, status, reply
            )

    async def _work(self, child: Worker) -> None:
        """A child: takes tasks until none is left."""
        try:
            await child.begin()
            await self.timeline.pause(2)
            await child.advance(UltrathinkStatus.EXECUTING)
            for _ in range(_MOST_ROUNDS):
                task = await child.claim()
                if task is not None:
                    await self._carry_out(child, task)
                elif not await self.means.keys(_WAITING, self.place.project_id):
                    break
                else:
                    await child.see(CcActivity.BACKGROUND)
                    await self.timeline.pause(6)
            await child.advance(UltrathinkStatus.COMPLETED, self.place.say(texts.ENOUGH))
            await child.see(CcActivity.IDLE, said=self.place.say(texts.ENOUGH))
            await self.timeline.pause(self.chance.between(3, 8))
            await child.move(CcInstanceStatus.STOPPED, exit_code=0)
        except DomainError:
            await self._give_up(child)
        finally:
            self.at_work -= 1

    async def _carry_out(self, child: Worker, task: UUID) -> None:
        chance = child.chance
        (name,) = await self.means.keys(_NAME, task) or [""]
        calls = chance.between(3, 7)
        for done in range(calls):
            await child.use_model()
            if chance.happens(0.05):
                await self._overloaded(child)
            tool = chance.pick(texts.TOOLS)
            if done == calls - 1:
                tool = texts.COMMIT
            elif chance.happens(0.09):
                tool = chance.pick(texts.ASKED_FOR)
            await self._use(child, tool)
            await child.report(task, done + 1, calls)
            if chance.happens(0.4):
                await child.say()
            await self.timeline.pause(chance.between(1, 4))
        if chance.happens(0.04):
            await self._crash(child, task)
        elif chance.happens(0.08):
            await child.fail(task, name)
            await self._tell("error", "task.failed", task, name)
        else:
            await child.complete(task, name)
            self.done += 1
            await self._tell("completion", "task.completed", task, name)

    async def _use(self, worker: Worker, tool: Tool) -> None:
        """Use a tool, some after a person has allowed it; what is denied has failed."""
        chance = worker.chance
        denied = False
        if tool in texts.ASKED_FOR:
            denied = await self._permitted(worker, tool) is PermissionDecision.DENY
        call = await worker.start(tool, worker.path())
        low, high = tool.seconds
        await self.timeline.pause(0.5 if denied else low + (high - low) * chance.random())
        await worker.finish(call, fails=not denied and chance.happens(0.07), denied=denied)

    async def _permitted(self, worker: Worker, tool: Tool) -> PermissionDecision | None:
        """Wait for a person's answer. The fleet's own gives one after a while where no other has."""
        means = self.means
        request = await worker.ask(tool)
        held = asyncio.Event()
        waiting = asyncio.ensure_future(
            means.waits.wait_for_answer(worker.action("holdPermission"), request, held=held.set)
        )
        try:
            holding = asyncio.ensure_future(held.wait())
            await asyncio.wait((waiting, holding), return_when=asyncio.FIRST_COMPLETED)
            holding.cancel()
            if not await self.timeline.answered(waiting, worker.chance.between(10, 60)):
                decision = PermissionDecision.DENY if worker.chance.happens(0.2) else PermissionDecision.ALLOW
                with suppress(Conflict):  # another person was faster, or has ended the instance
                    await answer(worker.action("answerPermissionRequest"), request, decision)
            given: GivenAnswer | None = await waiting
        finally:
            waiting.cancel()
        return None if given is None else given.decision

    async def _crash(self, child: Worker, task: UUID) -> None:
        """An instance fails, which queues its task again, and is started anew after a while."""
        await child.log(LogLevel.FATAL, "system", texts.CRASHED, task)
        await child.move(CcInstanceStatus.ERROR, exit_code=137)
        await self.timeline.pause(self.chance.between(15, 40))
        await child.move(CcInstanceStatus.RUNNING)
        await child.see(CcActivity.WORKING)

    async def _finish(self, parent: Worker) -> None:
        place = self.place
        await self._tell("milestone", "session.completed", parent.key, place.say(texts.ENOUGH))
        await parent.see(CcActivity.IDLE, said=place.say(texts.ENOUGH))
        await self.timeline.pause(self.chance.between(10, 30))
        await instances.terminate(self.means.action(place.owner, "terminateCcInstance"), parent.key, 0)
        await self._end_session(parent)

    async def _give_up(self, worker: Worker) -> None:
        """End what a person has brought out of order."""
        try:
            action = self.means.action(self.place.owner, "terminateCcInstance")
            await instances.terminate(action, worker.key, exit_code=1)
            await worker.advance(UltrathinkStatus.FAILED)
            if worker.key == worker.session_id:
                await self._end_session(worker)
        except DomainError:
            return  # it is gone already

    async def _end_session(self, parent: Worker) -> None:
        for number in await self.means.keys(
            "SELECT id FROM sessions WHERE session_id = $1 AND status = 'running'", parent.session_id
        ):
            action = self.means.action(self.place.owner, "updateSession")
            await update_row(action, "sessions", number, {"status": SessionStatus.STOPPED})

    async def _queue_again(self, task: UUID) -> None:
        try:
            action = self.means.action(self.place.owner, "updateTask")
            await update_row(action, "tasks", task, {"status": TaskStatus.QUEUED})
        except Conflict:
            return  # a person has done it

    async def _tell(self, kind: str, event: str, key: UUID, name: str) -> None:
        told = {
            "project_id": self.place.project_id,
            "event_type": kind,
            "event_name": event,
            "payload": {"id": str(key), "name": name},
        }
        action = self.means.action(self.place.owner, "sendWebsocketNotification")
        await send_to_sockets(action, told)
