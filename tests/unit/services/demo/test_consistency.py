"""The rows tell one story: times, statuses, counts and trees do not contradict each other."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

from services.demo.instances import InstanceRow
from services.demo.row_counts import REFERENCE, YEAR
from services.demo.tasks import TaskRow
from tests.unit.services.demo.drawn import tables


def tasks() -> dict[UUID, TaskRow]:
    return {task.id: task for task in tables()["tasks"]}


def instances() -> dict[UUID, InstanceRow]:
    return {instance.id: instance for instance in tables()["cc_instances"]}


def test_a_task_bears_the_times_of_its_status_and_no_others() -> None:
    stages = {"PENDING": 0, "QUEUED": 1, "RUNNING": 2, "COMPLETED": 3, "FAILED": 3}
    for task in tasks().values():
        times = (task.queued_at, task.started_at, task.completed_at)
        passed = [at for at in times if at is not None]
        assert [at is not None for at in times] == [stage < stages[task.status] for stage in range(3)]
        assert all(earlier <= later for earlier, later in pairwise([task.created_at, *passed]))
        assert (task.actual_duration_minutes is None) == (task.completed_at is None)
        assert (task.assigned_to is None) == (task.started_at is None)
        if task.started_at and task.completed_at:
            minutes = (task.completed_at - task.started_at).total_seconds() / 60
            assert task.actual_duration_minutes is not None
            assert abs(task.actual_duration_minutes - minutes) <= 0.5


def test_every_status_of_a_task_occurs() -> None:
    assert {task.status for task in tasks().values()} == {
        "PENDING",
        "QUEUED",
        "RUNNING",
        "COMPLETED",
        "FAILED",
    }


def test_what_a_begun_or_queued_task_is_blocked_by_has_completed_before() -> None:
    for row in tables()["task_dependencies"]:
        if row.dependency_type == "suggests":
            continue
        task, blocker = tasks()[row.task_id], tasks()[row.dependency_task_id]
        if task.status != "PENDING":
            assert blocker.status == "COMPLETED"
            assert task.queued_at is not None
            assert blocker.completed_at is not None
            assert blocker.completed_at <= task.queued_at


def test_dependencies_have_no_cycle() -> None:
    waits_for = defaultdict[UUID, set[UUID]](set)
    for row in tables()["task_dependencies"]:
        waits_for[row.task_id].add(row.dependency_task_id)
    done = set[UUID]()
    while left := [task for task in tasks() if task not in done and waits_for[task] <= done]:
        done.update(left)
    assert done == set(tasks())


def test_a_parent_task_ends_after_its_subtasks_and_fails_when_one_failed() -> None:
    for task in tasks().values():
        if task.parent_task_id is None:
            continue
        parent = tasks()[task.parent_task_id]
        assert parent.project_id == task.project_id
        if parent.completed_at:
            assert task.completed_at is not None
            assert task.completed_at <= parent.completed_at
            assert parent.status == "FAILED" or task.status == "COMPLETED"


def test_a_child_instance_lives_within_the_life_of_its_parent_in_the_same_project() -> None:
    for instance in instances().values():
        assert (instance.type == "CHILD") == (instance.parent_instance_id is not None)
        if instance.parent_instance_id is None:
            continue
        parent = instances()[instance.parent_instance_id]
        assert parent.project_id == instance.project_id
        assert parent.created_at <= instance.created_at
        if parent.terminated_at:
            assert instance.terminated_at is not None
            assert instance.terminated_at <= parent.terminated_at


def test_instance_trees_are_three_deep_somewhere() -> None:
    depths = Counter[int]()
    for instance in instances().values():
        depth, above = 0, instance.parent_instance_id
        while above is not None:
            depth, above = depth + 1, instances()[above].parent_instance_id
        depths[depth] += 1
    assert set(depths) == {0, 1, 2}


def test_an_instance_runs_exactly_when_one_of_its_tasks_does() -> None:
    busy = {task.assigned_to for task in tasks().values() if task.status == "RUNNING"}
    for instance in instances().values():
        assert (instance.status == "RUNNING") == (instance.id in busy)
        over = instance.status in ("STOPPED", "ERROR")
        assert (instance.terminated_at is not None) == over
        assert (instance.exit_code is not None) == over


def test_no_live_instance_has_ever_sent_a_heartbeat() -> None:
    alive = [row for row in instances().values() if row.status in ("IDLE", "RUNNING")]
    assert alive
    assert {instance.last_heartbeat for instance in alive} == {None}


def test_no_project_runs_more_instances_than_it_may() -> None:
    running = Counter(row.project_id for row in instances().values() if row.status == "RUNNING")
    assert max(running.values()) <= 5


def test_projects_count_their_sessions_worktrees_and_commits_exactly() -> None:
    sessions = Counter(row.project_id for row in tables()["sessions"])
    worktrees = Counter(row.project_id for row in tables()["worktrees"])
    project_of = {row.worktree_id: row.project_id for row in tables()["worktrees"]}
    commits = Counter(
        project_of[row.source_worktree_id]
        for row in tables()["worktree_sync_history"]
        if row.status == "success" and row.commit_hash
    )
    for project in tables()["projects"]:
        counted = (project.total_sessions, project.total_worktrees, project.total_commits)
        assert counted == (sessions[project.id], worktrees[project.id], commits[project.id])


def test_shared_sessions_count_their_participants_exactly() -> None:
    joined = Counter(
        row.collaboration_session_id
        for row in tables()["collaboration_participants"]
        if row.state == "joined"
    )
    for shared in tables()["collaboration_sessions"]:
        assert shared.current_participants == joined[shared.id] <= shared.max_participants


def test_file_operations_fall_into_the_life_of_their_session() -> None:
    sessions = {row.session_id: row for row in tables()["sessions"]}
    for operation in tables()["file_operations"]:
        session = sessions[operation.session_id]
        assert session.user_id == operation.user_id
        assert session.created_at <= operation.created_at <= session.last_accessed


def test_every_answer_follows_its_request_and_bears_its_method() -> None:
    requests = {
        (row.cc_instance_id, row.server_name, row.rpc_id): row
        for row in tables()["mcp_messages"]
        if row.message_type == "request"
    }
    answers = [row for row in tables()["mcp_messages"] if row.message_type == "response"]
    assert answers
    for answer in answers:
        request = requests[answer.cc_instance_id, answer.server_name, answer.rpc_id]
        took = (answer.created_at - request.created_at) / timedelta(milliseconds=1)
        assert answer.method == request.method
        assert abs(took - answer.processing_time_ms) <= 0.5
        assert (answer.result is None) != (answer.error is None)


def test_every_tool_call_belongs_to_a_request_and_fails_when_its_answer_did() -> None:
    requests = {row.id: row for row in tables()["mcp_messages"] if row.method == "tools/call"}
    calls = tables()["mcp_tool_calls"]
    assert {call.message_id for call in calls} == {
        key for key, row in requests.items() if row.message_type == "request"
    }
    assert {call.status for call in calls} >= {"completed", "failed"}
    for call in calls:
        assert (call.error_details is not None) == (call.status == "failed")
        assert (call.completed_at is None) == (call.status == "running")


def test_the_ultrathink_keyword_is_detected_where_it_stands_and_nowhere_else() -> None:
    messages = tables()["ultrathink_messages"]
    assert {row.keyword_detected for row in messages} == {True, False}
    for row in messages:
        assert row.keyword_detected == ("ultrathink" in row.instruction_content)


def test_nothing_waits_to_be_delivered() -> None:
    assert {row.status for row in tables()["notification_history"]} <= {"sent", "failed", "cancelled"}
    assert {row.delivery_status for row in tables()["websocket_notifications"]} <= {"delivered", "failed"}


def test_nothing_happens_after_the_end_of_the_year() -> None:
    for name in ("file_operations", "system_logs", "notification_history", "mcp_messages", "cc_logs"):
        for row in tables()[name]:
            assert row.created_at + timedelta(days=31) >= REFERENCE - YEAR
            assert row.created_at <= REFERENCE


def test_texts_are_in_both_languages() -> None:
    messages = [row.message for row in tables()["system_logs"]]
    assert any("の設定を確認する" in message for message in messages)
    assert any(message.isascii() for message in messages)
    assert any(not row.name.isascii() for row in tables()["projects"])
