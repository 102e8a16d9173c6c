"""What an instance does after which event: each line of the table, and how they are summed up."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.enums import CcActivity, CcInstanceStatus, IngestSource
from services.fleet.activities import ACTIVITIES, MOST_EVENTS, Doing, event, joined, summed_up
from services.fleet.entities import gathered
from services.fleet.facts import Fact, Kind, Witness
from services.fleet.precedence import micros
from services.fleet.reading import read
from services.fleet.records import RawRecord
from tests.support.claude_code import hooks

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
SESSION = "675a5df1-b14c-47bf-bf0c-c32eb5de59dc"

_A = CcActivity

WITNESSES = {
    "hook": Witness.HOOK,
    "transcript": Witness.TRANSCRIPT,
    "logs": Witness.LOGS,
    "traces": Witness.TRACES,
    "processes": Witness.PROCESSES,
    "server": Witness.PROCESSES,
}


def told(name: str, seconds: float, detail: str | None = None, received: float | None = None) -> Any:
    """An event, so many seconds after noon."""
    at = AT + timedelta(seconds=seconds)
    arrival = at if received is None else AT + timedelta(seconds=received)
    fact = Fact(Kind.INSTANCE, SESSION, "", WITNESSES[name.split()[0]], at, arrival, {})
    return event(fact, name, detail)


def doing(*events: Any, alive: float | None = None) -> Doing | None:
    """What an instance does after these events."""
    kept: list[Any] = [known for known in events if known is not None]
    seen = None if alive is None else micros(AT + timedelta(seconds=alive))
    return summed_up(kept, alive=seen, working_since=None)


def since(seconds: float) -> int:
    """So many seconds after noon, as activities have it."""
    return micros(AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("name", ACTIVITIES)
def test_every_event_of_the_table_is_followed_by_its_activity(name: str) -> None:
    rule = ACTIVITIES[name]
    before = told("hook SessionStart" if rule.activity is not _A.IDLE else "hook UserPromptSubmit", 0)

    found = doing(before, told(name, 10, "make test"))

    assert found is not None
    if rule.activity is None:
        assert (found.activity, found.since) == (_A.IDLE, since(0))
        return
    assert (found.activity, found.since) == (rule.activity, since(10))
    assert found.detail == "make test"
    assert found.failed is rule.failed
    expected = CcInstanceStatus.RUNNING
    if rule.activity is _A.GONE:
        expected = CcInstanceStatus.STOPPED
    elif rule.failed:
        expected = CcInstanceStatus.ERROR
    assert found.status is expected


def test_every_activity_follows_some_event() -> None:
    assert {rule.activity for rule in ACTIVITIES.values()} == {*CcActivity, None}


def test_an_event_that_nobody_has_foreseen_changes_nothing() -> None:
    assert told("hook BrandNew", 5) is None
    assert doing(told("hook Stop", 1), told("hook BrandNew", 5)) == Doing(
        _A.IDLE, since(1), None, failed=False
    )


def test_what_goes_on_keeps_its_time_and_a_wait_its_reason() -> None:
    found = doing(
        told("hook PreToolUse", 1, "Bash: rm x"),
        told("hook PermissionRequest", 2, "Bash: rm x"),
        told("hook Notification/permission_prompt", 8, "Claude needs your permission"),
    )

    assert found == Doing(_A.WAITING_PERMISSION, since(2), "Bash: rm x", failed=False)


def test_work_that_others_tell_does_not_end_a_wait_at_once() -> None:
    wait = told("hook PermissionRequest", 10, "Bash: rm x")

    written_before = doing(
        wait, told("transcript tool_use", 10.05, "Bash: rm x"), told("logs tool_decision", 11)
    )
    answered = doing(wait, told("transcript tool_result", 15))
    stopped = doing(wait, told("transcript interrupted", 10.5))

    assert written_before is not None
    assert (written_before.activity, written_before.since) == (_A.WAITING_PERMISSION, since(10))
    assert answered is not None
    assert answered.activity is _A.WORKING
    assert stopped is not None
    assert stopped.activity is _A.IDLE


def test_a_hook_ends_a_wait_at_once() -> None:
    found = doing(told("hook PermissionRequest", 10), told("hook PostToolUse", 10.2))

    assert found == Doing(_A.WORKING, since(10.2), None, failed=False)


def test_a_reminder_leaves_work_in_the_background_as_it_is() -> None:
    background = told("hook Stop/background", 1, "make serve")

    assert doing(background, told("hook Notification/idle_prompt", 61)) == Doing(
        _A.BACKGROUND, since(1), "make serve", failed=False
    )
    assert doing(told("hook Stop", 1), told("hook Notification/idle_prompt", 61)) == Doing(
        _A.IDLE, since(1), None, failed=False
    )


def test_a_session_that_is_resumed_is_not_gone() -> None:
    found = doing(told("hook SessionEnd", 5), told("hook SessionStart", 9))

    assert found == Doing(_A.IDLE, since(9), None, failed=False)


def test_a_process_that_is_seen_again_is_not_gone() -> None:
    gone = [told("hook Stop", 1), told("processes gone", 5)]

    assert doing(*gone) == Doing(_A.GONE, since(5), None, failed=False)
    assert doing(*gone, alive=9) == Doing(_A.IDLE, since(1), None, failed=False)
    assert doing(*gone, alive=3) == Doing(_A.GONE, since(5), None, failed=False)


def test_what_is_history_when_it_comes_is_over_unless_its_process_lives() -> None:
    old = told("transcript turn_end", 10, received=10 + 3 * 3600)

    assert doing(old) == Doing(_A.GONE, since(10), None, failed=False)
    assert doing(old, alive=3 * 3600) == Doing(_A.IDLE, since(10), None, failed=False)
    assert doing(told("transcript turn_end", 10, received=12)) == Doing(
        _A.IDLE, since(10), None, failed=False
    )


def test_an_idle_instance_stays_idle_for_days() -> None:
    found = doing(told("hook Stop", 1), told("hook Notification/idle_prompt", 5 * 86_400))

    assert found == Doing(_A.IDLE, since(1), None, failed=False)


def test_a_clock_that_is_ahead_does_not_hide_what_hooks_tell() -> None:
    ahead = told("transcript tool_use", 86_400, received=5)

    found = doing(ahead, told("hook PermissionRequest", 6, "Bash: rm x"))

    assert found is not None
    assert found.activity is _A.WAITING_PERMISSION


def test_events_are_joined_the_same_in_any_order() -> None:
    many = [told("hook PreToolUse", second, f"call {second}") for second in range(MOST_EVENTS * 2)]
    half = len(many) // 2

    assert joined(many[:half], many[half:]) == joined(many[half:], many[:half]) == joined(many, many)
    assert joined(many, ()) == many[-MOST_EVENTS:]


def test_a_turn_that_has_told_more_than_is_remembered_began_with_its_prompt() -> None:
    many: list[Any] = [told("hook PreToolUse", second) for second in range(100, 100 + 2 * MOST_EVENTS)]

    found = summed_up(joined(many, ()), alive=None, working_since=since(90))

    assert found == Doing(_A.WORKING, since(90), None, failed=False)


def main_instance(records: Iterable[RawRecord]) -> dict[str, Any]:
    """By session, what is told of its main instance."""
    facts = [fact for record in records for fact in read(record).facts]
    return {session: entities[Kind.INSTANCE, ""] for session, entities in gathered(facts).items()}


RECORDED = {
    "SessionStart": _A.IDLE,
    "UserPromptSubmit": _A.WORKING,
    "PreToolUse": _A.WORKING,
    "PostToolUse": _A.WORKING,
    "PostToolUseFailure": _A.WORKING,
    "PostToolBatch": _A.WORKING,
    "PermissionRequest": _A.WAITING_PERMISSION,
    "Stop": _A.IDLE,
    "SessionEnd": _A.GONE,
}
"""What the main instance does right after each recorded hook of its own."""


def test_after_each_recorded_hook_the_instance_does_what_the_table_says() -> None:
    so_far: dict[str, list[RawRecord]] = {}
    tried = set()
    for number, (at, hook) in enumerate(hooks()):
        if "agent_id" in hook:
            continue
        session = hook["session_id"]
        so_far.setdefault(session, []).append(RawRecord(number, IngestSource.HOOK, at, hook))
        entity = main_instance(so_far[session])[session]
        found = summed_up(entity.events, alive=None, working_since=None)
        assert found is not None
        assert found.activity is RECORDED[hook["hook_event_name"]], hook["hook_event_name"]
        if found.activity is _A.WAITING_PERMISSION:
            assert found.detail in ("WebFetch: http://127.0.0.1:9/none", "Write: /etc/not-allowed")
            assert found.since == micros(at)
        tried.add(hook["hook_event_name"])
    assert tried == RECORDED.keys()


@pytest.mark.parametrize(
    ("hook", "activity", "detail"),
    [
        ({"hook_event_name": "PreToolUse", "tool_name": "AskUserQuestion", "tool_use_id": "t",
          "tool_input": {"questions": [{"question": "Which one?"}]}}, _A.WAITING_ANSWER, "Which one?"),
        ({"hook_event_name": "Notification", "message": "Claude needs your permission to use Bash"},
         _A.WAITING_PERMISSION, "Claude needs your permission to use Bash"),
        ({"hook_event_name": "Notification", "message": "Claude is waiting for your input"}, _A.IDLE,
         "Claude is waiting for your input"),
        ({"hook_event_name": "Notification", "notification_type": "elicitation_dialog", "message": "Name?"},
         _A.WAITING_ANSWER, "Name?"),
        ({"hook_event_name": "Stop", "background_tasks": [
            {"id": "b", "type": "shell", "status": "running", "description": "npm run dev"}]},
         _A.BACKGROUND, "npm run dev"),
        ({"hook_event_name": "Stop", "background_tasks": [{"status": "completed"}]}, _A.IDLE, None),
        ({"hook_event_name": "StopFailure", "error": "rate_limit"}, _A.IDLE, "rate_limit"),
        ({"hook_event_name": "PostToolUseFailure", "tool_name": "Bash", "tool_use_id": "t",
          "is_interrupt": True, "error": "x"}, _A.IDLE, "interrupted"),
        ({"hook_event_name": "PreCompact", "trigger": "auto"}, _A.WORKING, "compacting"),
        ({"hook_event_name": "Elicitation", "message": "Your name?"}, _A.WAITING_ANSWER, "Your name?"),
    ],
    ids=lambda value: str(value.get("hook_event_name")) if isinstance(value, dict) else "",
)  # fmt: skip
def test_hooks_that_were_not_recorded(hook: dict[str, Any], activity: CcActivity, detail: str | None) -> None:
    record = RawRecord(1, IngestSource.HOOK, AT, {"session_id": SESSION, **hook})

    found = summed_up(main_instance([record])[SESSION].events, alive=None, working_since=None)

    assert found is not None
    assert (found.activity, found.detail) == (activity, detail)
