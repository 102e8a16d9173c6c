"""Activities of instances: the one table from what was told to an activity, which docs/fleet.md repeats."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.enums import CcActivity, CcInstanceStatus
from services.fleet.facts import Fact, Witness
from services.fleet.precedence import moments

_A = CcActivity

MOST_EVENTS: Final = 32
"""Events of an instance that are remembered, the latest: they say since when it does what it does."""

_SETTLED: Final = 2_000_000
"""Microseconds for which a wait or an end that a hook told holds against work that other sources tell of:
their clocks are not the server's, and what they tell was written before."""

_HISTORY: Final = 3_600_000_000
"""Microseconds after which what a transcript or telemetry tells is history, and not what happens now."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The activity of an instance after an event; None where that stays as it was.

    `failed` says that the turn ended in an error. `unless_background` leaves work in the background as it is.
    """

    activity: CcActivity | None
    failed: bool = False
    unless_background: bool = False


ACTIVITIES: Final[Mapping[str, Rule]] = {
    # Hooks, by their name; a slash stands before what tells some of them apart.
    "hook SessionStart": Rule(_A.IDLE),
    "hook SessionStart/compact": Rule(None),
    "hook Setup": Rule(None),
    "hook InstructionsLoaded": Rule(None),
    "hook UserPromptSubmit": Rule(_A.WORKING),
    "hook UserPromptExpansion": Rule(_A.WORKING),
    "hook PreToolUse": Rule(_A.WORKING),
    "hook PreToolUse/question": Rule(_A.WAITING_ANSWER),
    "hook PermissionRequest": Rule(_A.WAITING_PERMISSION),
    "hook PermissionRequest/question": Rule(_A.WAITING_ANSWER),
    "hook PermissionDenied": Rule(_A.WORKING),
    "hook PostToolUse": Rule(_A.WORKING),
    "hook PostToolUseFailure": Rule(_A.WORKING),
    "hook PostToolUseFailure/interrupt": Rule(_A.IDLE),
    "hook PostToolBatch": Rule(_A.WORKING),
    "hook Notification": Rule(None),
    "hook Notification/permission_prompt": Rule(_A.WAITING_PERMISSION),
    "hook Notification/worker_permission_prompt": Rule(_A.WAITING_PERMISSION),
    "hook Notification/idle_prompt": Rule(_A.IDLE, unless_background=True),
    "hook Notification/elicitation_dialog": Rule(_A.WAITING_ANSWER),
    "hook Notification/elicitation_url_dialog": Rule(_A.WAITING_ANSWER),
    "hook Notification/elicitation_response": Rule(_A.WORKING),
    "hook Notification/elicitation_complete": Rule(_A.WORKING),
    "hook Notification/agent_needs_input": Rule(_A.WAITING_ANSWER),
    "hook Notification/agent_completed": Rule(None),
    "hook Notification/auth_success": Rule(None),
    "hook SubagentStart": Rule(_A.WORKING),
    "hook SubagentStop": Rule(_A.GONE),
    "hook SubagentStop/background": Rule(_A.BACKGROUND),
    "hook TeammateIdle": Rule(_A.IDLE),
    "hook TaskCreated": Rule(None),
    "hook TaskCompleted": Rule(None),
    "hook Stop": Rule(_A.IDLE),
    "hook Stop/background": Rule(_A.BACKGROUND),
    "hook StopFailure": Rule(_A.IDLE, failed=True),
    "hook PreCompact": Rule(_A.WORKING),
    "hook PostCompact": Rule(_A.WORKING),
    "hook PostCompact/manual": Rule(_A.IDLE),
    "hook Elicitation": Rule(_A.WAITING_ANSWER),
    "hook ElicitationResult": Rule(_A.WORKING),
    "hook ConfigChange": Rule(None),
    "hook CwdChanged": Rule(None),
    "hook FileChanged": Rule(None),
    "hook WorktreeCreate": Rule(None),
    "hook WorktreeRemove": Rule(None),
    "hook SessionEnd": Rule(_A.GONE),
    # Lines of a transcript, by what they are.
    "transcript prompt": Rule(_A.WORKING),
    "transcript reply": Rule(_A.WORKING),
    "transcript tool_use": Rule(_A.WORKING),
    "transcript tool_use/question": Rule(_A.WAITING_ANSWER),
    "transcript tool_result": Rule(_A.WORKING),
    "transcript interrupted": Rule(_A.IDLE),
    "transcript turn_end": Rule(_A.IDLE),
    "transcript agent_begin": Rule(_A.WORKING),
    "transcript agent_end": Rule(_A.GONE),
    "transcript api_error": Rule(_A.RETRYING),
    "transcript api_failure": Rule(_A.IDLE, failed=True),
    "transcript compacted": Rule(_A.WORKING),
    "transcript compacted/manual": Rule(_A.IDLE),
    # Records of OpenTelemetry, by the name of their event or span.
    "logs user_prompt": Rule(_A.WORKING),
    "logs api_request": Rule(_A.WORKING),
    "logs api_error": Rule(_A.RETRYING),
    "logs api_retries_exhausted": Rule(_A.IDLE, failed=True),
    "logs tool_decision": Rule(_A.WORKING),
    "logs tool_result": Rule(_A.WORKING),
    "logs subagent_completed": Rule(_A.GONE),
    "traces interaction": Rule(_A.IDLE, unless_background=True),
    "traces tool": Rule(_A.WORKING),
    # What `ccgraph watch` and the server find out.
    "processes gone": Rule(_A.GONE),
    "server gone": Rule(_A.GONE),
}
"""By event. One that is not here changes nothing."""


SERVER_GONE: Final = "server gone"
"""The server has ended an instance: it was silent at work for too long, or a person has ended it here."""

Event = tuple[int, int, str, bool, str]
"""Microseconds since 1970, bounded by the arrival and as told; the name; whether it was history on arrival;
and what it was about, in a few words."""


@dataclass(frozen=True, slots=True)
class Doing:
    """An instance's activity: since when in microseconds since 1970, what for, and if its turn failed."""

    activity: CcActivity
    since: int
    detail: str | None
    failed: bool

    @property
    def status(self) -> CcInstanceStatus:
        """The status beside it."""
        if self.activity is CcActivity.GONE:
            return CcInstanceStatus.STOPPED
        return CcInstanceStatus.ERROR if self.failed else CcInstanceStatus.RUNNING


def event(fact: Fact, name: str, detail: str | None) -> Event | None:
    """An event as it is remembered; None for one after which all stays as it was."""
    rule = ACTIVITIES.get(name)
    if rule is None or rule.activity is None:
        return None
    bounded, told = moments(fact)
    received = int(fact.received_at.timestamp() * 1_000_000)
    is_history = fact.witness is not Witness.HOOK and received - told > _HISTORY
    return (bounded, told, name, is_history, detail or "")


def joined(one: Iterable[Sequence[Any]], other: Iterable[Sequence[Any]]) -> list[Event]:
    """The latest of both, in their order; the same whichever is joined first."""
    found: dict[tuple[int, int, str], Event] = {}
    for bounded, told, name, is_history, detail in (*one, *other):
        key = (bounded, told, name)
        known = found.get(key)
        if known is not None:
            is_history, detail = is_history and known[3], max(detail, known[4])
        found[key] = (bounded, told, name, is_history, detail)
    return sorted(found.values(), key=_order)[-MOST_EVENTS:]


def _order(known: Event) -> tuple[int, int, bool, int, str]:
    # Of the same moment, what a hook tells counts, and what ends counts more than what goes on.
    return (known[0], known[1], known[2].startswith("hook"), _ENDING[_activity(known)], known[2])


def _activity(known: Event) -> CcActivity:
    rule = ACTIVITIES.get(known[2])
    return CcActivity.WORKING if rule is None or rule.activity is None else rule.activity


_ENDING: Final = {activity: place for place, activity in enumerate(CcActivity)}


def summed_up(
    events: Iterable[Sequence[Any]], *, alive: int | None, working_since: int | None
) -> Doing | None:
    """The activity of an instance after all events that were told of it; None where nothing tells.

    `alive` is when `ccgraph watch` last saw its process. `working_since` is when its turn began, for one that
    has told more than is remembered.
    """
    told = [known for known in joined(events, ()) if known[2] in ACTIVITIES]
    run: list[Event] = []
    held: Event | None = None
    for known in told:
        rule, activity = ACTIVITIES[known[2]], _activity(known)
        is_hook = known[2].startswith("hook")
        if known[2] in _TAKEN_FOR_GONE and alive is not None and alive >= known[0]:
            continue
        is_work = not is_hook and activity is CcActivity.WORKING
        if is_work and held is not None and known[0] - held[0] <= _SETTLED:
            continue
        if rule.unless_background and run and _activity(run[-1]) is CcActivity.BACKGROUND:
            continue
        if is_hook:
            held = known if activity in _HELD else None
        if run and (_activity(run[-1]), ACTIVITIES[run[-1][2]].failed) != (activity, rule.failed):
            run = []
        run.append(known)
    if not run:
        return None
    last, first = run[-1], run[0]
    activity = _activity(last)
    since = first[0]
    if len(run) >= MOST_EVENTS and working_since is not None and activity is CcActivity.WORKING:
        since = min(since, working_since)  # the turn has told more than is remembered
    if last[3] and (alive is None or alive <= last[0]):
        return Doing(CcActivity.GONE, last[0], None, failed=False)
    # A wait says what it was first told to be for: the hook of the request knows more than a reminder.
    detail = next((known[4] for known in run if known[4]), "") if activity in _WAITS else last[4]
    return Doing(activity, since, detail or None, ACTIVITIES[last[2]].failed)


_TAKEN_FOR_GONE: Final = frozenset(["processes gone", SERVER_GONE])
_WAITS: Final = frozenset([CcActivity.WAITING_PERMISSION, CcActivity.WAITING_ANSWER])
_HELD: Final = _WAITS | {CcActivity.GONE}
