"""Statuses change along documented lines only."""

import pytest

from models.enums import CcInstanceStatus, TaskStatus
from services.core.errors import Conflict
from services.writing.lifecycles import CC_INSTANCE, TASK
from services.writing.tables import TABLES


def test_every_status_of_a_lifecycle_is_in_its_list_and_the_other_way_round() -> None:
    for table in TABLES.values():
        if table.lifecycle is not None:
            assert set(table.lifecycle.steps) == set(table.table.c.status.type.enum_class)  # type: ignore[attr-defined]


def test_a_step_that_makes_no_sense_names_where_the_row_stands_and_what_may_follow() -> None:
    with pytest.raises(
        Conflict, match="RUNNING; from there it can become COMPLETED, FAILED, QUEUED"
    ) as refusal:
        TASK.require_step(TaskStatus.RUNNING, TaskStatus.PENDING, field="input.patch.status")

    assert refusal.value.field == "input.patch.status"
    assert refusal.value.details == {"current": "RUNNING"}


@pytest.mark.parametrize("wanted", list(TaskStatus))
def test_a_completed_task_stays_completed(wanted: TaskStatus) -> None:
    if wanted is TaskStatus.COMPLETED:
        TASK.require_step(TaskStatus.COMPLETED, wanted, field="f")
        return
    with pytest.raises(Conflict, match="final"):
        TASK.require_step(TaskStatus.COMPLETED, wanted, field="f")


def test_a_row_begins_where_its_lifecycle_begins() -> None:
    CC_INSTANCE.require_beginning(CcInstanceStatus.IDLE, field="f")
    with pytest.raises(Conflict, match="begins as IDLE, not as STOPPED"):
        CC_INSTANCE.require_beginning(CcInstanceStatus.STOPPED, field="f")
