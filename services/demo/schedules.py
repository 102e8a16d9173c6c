"""The timetable of a wave of work: one parent task split into steps that child instances carry out.

Everything is scheduled to its end, also past the moment at which the demo year stops; `Slot.status` then
says what had happened by that moment. So statuses, times and dependencies cannot contradict each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.demo.seeded_random import Chance

WAVES_PER_PROJECT = 4
STEPS_PER_WAVE = 4


@dataclass(frozen=True, slots=True)
class Slot:
    """One task in time. `worker` numbers the instance within the wave, 0 being the parent."""

    worker: int
    created_at: datetime
    queued_at: datetime
    started_at: datetime
    completed_at: datetime
    failed: bool
    blocked_by: int | None = None
    """The step (numbered from 0) which must be completed first."""

    def status(self, until: datetime) -> str:
        """The task's status at that moment (terminal document 5.2)."""
        if self.completed_at <= until:
            return "FAILED" if self.failed else "COMPLETED"
        if self.started_at <= until:
            return "RUNNING"
        return "QUEUED" if self.queued_at <= until else "PENDING"


@dataclass(frozen=True, slots=True)
class Timetable:
    """The parent task, its steps, and how many children work on them."""

    parent: Slot
    steps: tuple[Slot, ...]
    children: int

    def shift(self, worker: int) -> tuple[datetime, datetime]:
        """The times between which an instance is there: just before its first task to just after its last."""
        own = [slot for slot in (self.parent, *self.steps) if slot.worker == worker]
        return (
            min(slot.started_at for slot in own) - timedelta(minutes=2),
            max(slot.completed_at for slot in own) + timedelta(minutes=1),
        )


def timetables(created_at: datetime, until: datetime, *, active: bool, chance: Chance) -> list[Timetable]:
    """The waves of a project over its life; an active one has a wave under way, and maybe one to come."""
    unfinished = []
    if active:
        unfinished.append(timetable(until - chance.minutes(60, 300), chance))
        if chance.happens(0.4):
            soon = until - chance.minutes(30, 240)
            unfinished.append(timetable(soon, chance, waits=timedelta(days=1)))
    finished = WAVES_PER_PROJECT - len(unfinished)
    life = until - timedelta(days=3) - created_at
    begun = [created_at + life * ((place + 0.6 * chance.random()) / finished) for place in range(finished)]
    return [timetable(at, chance) for at in begun] + unfinished


def timetable(begun: datetime, chance: Chance, *, waits: timedelta = timedelta(0)) -> Timetable:
    """Schedule one wave; its instances start after `waits`."""
    children = chance.between(2, 3)
    chained = [place for place in range(1, STEPS_PER_WAVE) if chance.happens(0.5)]
    free = dict.fromkeys(range(1, children + 1), begun + waits + timedelta(minutes=10))
    steps: list[Slot] = []
    for place in range(STEPS_PER_WAVE):
        worker = 1 + place % children
        created_at = begun + timedelta(minutes=3 + place)
        blocked_by = place - 1 if place in chained else None
        unblocked = created_at if blocked_by is None else max(created_at, steps[blocked_by].completed_at)
        started_at = max(free[worker], unblocked) + chance.minutes(4, 20)
        completed_at = started_at + chance.minutes(10, 150)
        free[worker] = completed_at
        steps.append(
            Slot(
                worker=worker,
                created_at=created_at,
                queued_at=unblocked + timedelta(minutes=1),
                started_at=started_at,
                completed_at=completed_at,
                failed=place + 1 not in chained and chance.happens(0.06),
                blocked_by=blocked_by,
            )
        )
    parent = Slot(
        worker=0,
        created_at=begun,
        queued_at=begun + timedelta(minutes=1),
        started_at=begun + waits + timedelta(minutes=2),
        completed_at=max(free.values()) + timedelta(minutes=3),
        failed=any(slot.failed for slot in steps),
    )
    return Timetable(parent, tuple(steps), children)
