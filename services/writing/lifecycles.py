"""Along which lines a status may change (decision 24), for every noun that has one.

A status that stands in no lifecycle may change freely within its list.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.enums import (
    CcInstanceStatus,
    FeatureStatus,
    RequirementStatus,
    SessionStatus,
    TaskStatus,
    UltrathinkStatus,
)
from models.readiness import WAITING
from services.core.errors import Conflict


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The statuses of one table: which may follow which, where a row begins, and what a step stamps.

    `stamps` are SQL expressions by column, set when the status becomes the one they stand under. Nothing
    becomes `active` in an archived project.
    """

    noun: str
    statuses: type[StrEnum]
    beginnings: frozenset[StrEnum]
    steps: Mapping[StrEnum, frozenset[StrEnum]]
    stamps: Mapping[StrEnum, Mapping[str, str]]
    active: frozenset[StrEnum]

    def require_step(self, current: StrEnum, wanted: StrEnum, *, field: str) -> None:
        """Return when `wanted` may follow `current`; staying is always allowed. Else `Conflict`."""
        following = self.steps[current]
        if wanted == current or wanted in following:
            return
        if not following:
            raise Conflict(
                f"This {self.noun} is {current.name}, which is final.", field=field, current=current.name
            )
        allowed = ", ".join(sorted(status.name for status in following))
        raise Conflict(
            f"This {self.noun} is {current.name}; from there it can become {allowed}, not {wanted.name}.",
            field=field,
            current=current.name,
        )

    def assignments(self, wanted: StrEnum, *, after: Iterable[StrEnum]) -> str:
        """The SQL behind SET with which rows that stand in one of `after` become `wanted`, stamps and all.

        Raises:
            ValueError: one of them may not be followed by `wanted`.
        """
        for current in after:
            if wanted not in self.steps[current]:
                raise ValueError(f"a {self.noun} that is {current.name} does not become {wanted.name}")
        values = {"status": f"'{wanted.value}'", **self.stamps.get(wanted, {})}
        return ", ".join(f"{column} = {value}" for column, value in values.items())

    def before(self, wanted: StrEnum) -> list[StrEnum]:
        """The statuses that may be followed by `wanted`."""
        return [status for status, following in self.steps.items() if wanted in following]

    def require_beginning(self, wanted: StrEnum, *, field: str) -> None:
        """Return when a row may begin with `wanted`. Else `Conflict`."""
        if wanted not in self.beginnings:
            allowed = ", ".join(sorted(status.name for status in self.beginnings))
            raise Conflict(f"A new {self.noun} begins as {allowed}, not as {wanted.name}.", field=field)


def _lifecycle(
    noun: str,
    beginnings: set[StrEnum],
    steps: Mapping[StrEnum, set[StrEnum]],
    stamps: Mapping[StrEnum, Mapping[str, str]] | None = None,
    active: Collection[StrEnum] = (),
) -> Lifecycle:
    allowed = {status: frozenset(following) for status, following in steps.items()}
    return Lifecycle(
        noun, type(next(iter(beginnings))), frozenset(beginnings), allowed, stamps or {}, frozenset(active)
    )


_TASK_ENDED: Final = {
    "completed_at": "now()",
    "lease_expires_at": "NULL",
    # At least the minute that has begun, so that a short task is not taken for one that never ran. What began
    # at a time of plain SQL's, such as infinity, took as long as can be written, or none at all.
    "actual_duration_minutes": "least(greatest(ceil("
    "(extract(epoch FROM now()) - extract(epoch FROM started_at)) / 60), 0), 2147483647)::integer",
}
_TASK_WAITING: Final = {
    **{"assigned_to": "NULL", "lease_expires_at": "NULL", "started_at": "NULL", "completed_at": "NULL"},
    "actual_duration_minutes": "NULL",
}

_Instance, _Task, _Session = CcInstanceStatus, TaskStatus, SessionStatus
_Ultrathink, _Requirement, _Feature = UltrathinkStatus, RequirementStatus, FeatureStatus

ALIVE: Final = (_Instance.IDLE, _Instance.RUNNING)
"""The statuses of an instance from which signs of life are expected, and which may claim tasks."""

# An instance that fell silent (ERROR) may be heard again; one that stopped never runs again.
CC_INSTANCE: Final = _lifecycle(
    "instance",
    {_Instance.IDLE},
    {
        _Instance.IDLE: {_Instance.RUNNING, _Instance.STOPPED, _Instance.ERROR},
        _Instance.RUNNING: {_Instance.IDLE, _Instance.STOPPED, _Instance.ERROR},
        _Instance.ERROR: {_Instance.IDLE, _Instance.RUNNING, _Instance.STOPPED},
        _Instance.STOPPED: set(),
    },
    {
        _Instance.RUNNING: {"started_at": "COALESCE(started_at, now())", "last_heartbeat": "now()"},
        _Instance.IDLE: {"last_heartbeat": "now()"},
        _Instance.STOPPED: {
            "terminated_at": "now()",
            # What no source tells of stays without.
            "activity": "CASE WHEN activity IS NOT NULL THEN 'GONE' END",
            "activity_since": "CASE WHEN activity IS NOT NULL THEN now() END",
            "activity_detail": "NULL",
        },
    },
    active=ALIVE,
)

# A claim that ran out puts a RUNNING task back into the queue; a FAILED one may be tried again.
TASK: Final = _lifecycle(
    "task",
    {*WAITING},
    {
        _Task.PENDING: {_Task.QUEUED, _Task.RUNNING, _Task.FAILED},
        _Task.QUEUED: {_Task.PENDING, _Task.RUNNING, _Task.FAILED},
        _Task.RUNNING: {_Task.QUEUED, _Task.COMPLETED, _Task.FAILED},
        _Task.FAILED: {_Task.QUEUED},
        _Task.COMPLETED: set(),
    },
    {
        _Task.PENDING: {**_TASK_WAITING, "queued_at": "NULL"},
        _Task.QUEUED: {**_TASK_WAITING, "queued_at": "now()"},
        _Task.RUNNING: {"started_at": "now()", "completed_at": "NULL"},
        _Task.COMPLETED: _TASK_ENDED,
        _Task.FAILED: _TASK_ENDED,
    },
    active={_Task.RUNNING},
)

SESSION: Final = _lifecycle(
    "session",
    {_Session.STOPPED, _Session.STARTING},
    {
        _Session.STOPPED: {_Session.STARTING, _Session.RUNNING},
        _Session.STARTING: {_Session.RUNNING, _Session.STOPPING, _Session.STOPPED, _Session.ERROR},
        _Session.RUNNING: {_Session.STOPPING, _Session.STOPPED, _Session.ERROR},
        _Session.STOPPING: {_Session.STOPPED, _Session.ERROR},
        _Session.ERROR: {_Session.STARTING, _Session.STOPPED},
    },
    {status: {"last_accessed": "now()"} for status in (_Session.STARTING, _Session.RUNNING)},
    active={_Session.STARTING, _Session.RUNNING},
)

ULTRATHINK_MESSAGE: Final = _lifecycle(
    "ultrathink message",
    {_Ultrathink.SENT},
    {
        _Ultrathink.SENT: {_Ultrathink.ACKNOWLEDGED, _Ultrathink.FAILED},
        _Ultrathink.ACKNOWLEDGED: {_Ultrathink.EXECUTING, _Ultrathink.FAILED},
        _Ultrathink.EXECUTING: {_Ultrathink.COMPLETED, _Ultrathink.FAILED},
        _Ultrathink.COMPLETED: set(),
        _Ultrathink.FAILED: set(),
    },
    {
        _Ultrathink.ACKNOWLEDGED: {"acknowledged_at": "now()"},
        _Ultrathink.EXECUTING: {"execution_started_at": "now()"},
        _Ultrathink.COMPLETED: {"completed_at": "now()"},
        _Ultrathink.FAILED: {"completed_at": "now()"},
    },
    active={_Ultrathink.ACKNOWLEDGED, _Ultrathink.EXECUTING},
)

# Work goes forward one step at a time and may be sent back one step, or to the start.
REQUIREMENT: Final = _lifecycle(
    "requirement",
    {_Requirement.DRAFT},
    {
        _Requirement.DRAFT: {_Requirement.APPROVED},
        _Requirement.APPROVED: {_Requirement.IMPLEMENTED, _Requirement.DRAFT},
        _Requirement.IMPLEMENTED: {_Requirement.TESTED, _Requirement.APPROVED, _Requirement.DRAFT},
        _Requirement.TESTED: {_Requirement.IMPLEMENTED, _Requirement.DRAFT},
    },
)

FEATURE: Final = _lifecycle(
    "feature",
    {_Feature.PLANNED},
    {
        _Feature.PLANNED: {_Feature.DEVELOPMENT},
        _Feature.DEVELOPMENT: {_Feature.TESTING, _Feature.PLANNED},
        _Feature.TESTING: {_Feature.COMPLETED, _Feature.DEVELOPMENT},
        _Feature.COMPLETED: {_Feature.DEVELOPMENT, _Feature.TESTING},
    },
)
