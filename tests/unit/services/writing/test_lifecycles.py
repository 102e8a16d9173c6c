"""Statuses change along documented lines only."""

import re
from pathlib import Path

import pytest

import services
from models.enums import CcInstanceStatus, TaskDependencyType, TaskStatus
from models.readiness import IS_HARD, WAITING, is_ready, not_blocked
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


def test_sql_moves_rows_along_a_lifecycle_only() -> None:
    queued = TASK.assignments(TaskStatus.QUEUED, after=[TaskStatus.RUNNING])
    assert queued.startswith("status = 'QUEUED', assigned_to = NULL, lease_expires_at = NULL")
    assert queued.endswith("queued_at = now()")

    with pytest.raises(ValueError, match="a task that is COMPLETED does not become QUEUED"):
        TASK.assignments(TaskStatus.QUEUED, after=[TaskStatus.RUNNING, TaskStatus.COMPLETED])
    assert CC_INSTANCE.before(CcInstanceStatus.STOPPED) == [
        CcInstanceStatus.IDLE,
        CcInstanceStatus.RUNNING,
        CcInstanceStatus.ERROR,
    ]


SETS_STATUS = re.compile(
    rf"UPDATE ({'|'.join(name for name, table in TABLES.items() if table.lifecycle is not None)})\b"
    r"[^\"]{0,40}?\sSET\s(?:(?!\bWHERE\b)[^\"]){0,300}?\bstatus = '"
)


def test_no_statement_of_a_service_sets_a_status_past_its_lifecycle() -> None:
    assert SETS_STATUS.search("UPDATE tasks t SET assigned_to = $1,\n status = 'QUEUED' WHERE id = $1")
    assert not SETS_STATUS.search("UPDATE tasks SET lease_expires_at = $1 WHERE status = 'RUNNING'")

    found = [
        path.name for path in Path(services.__path__[0]).rglob("*.py") if SETS_STATUS.search(path.read_text())
    ]

    assert found == []


def test_a_task_that_waits_is_where_tasks_begin_and_what_is_claimed() -> None:
    assert set(WAITING) == TASK.beginnings
    assert set(WAITING) == set(TASK.before(TaskStatus.RUNNING))


@pytest.mark.parametrize("kind", TaskDependencyType)
def test_every_type_of_dependency_holds_a_task_back_or_not_for_all_who_ask(kind: TaskDependencyType) -> None:
    named = f"'{kind.value}'"
    for text in (IS_HARD, is_ready("t"), not_blocked("t"), not_blocked("t", one_by_one=True)):
        assert (named in text) is kind.holds_back
