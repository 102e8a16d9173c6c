"""The shapes of JSON columns that rules read. Another shape, as plain SQL can write, opens nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from models import metadata
from models.enums import CollaboratorRole, NotificationPriority
from services.writing.values import Unfit, converter

MAX_INVITED: Final = 500
"""People whom a shared session names."""

_LISTS: Final = frozenset({"keywords", "exclude_keywords", "session_ids"})
_KNOWN_RULES: Final = frozenset(
    {"min_priority", "keywords", "exclude_keywords", "session_ids", "quiet_hours", "summary"}
)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours from `begin` to `end` by the clocks of `timezone`, over midnight where the end comes first."""

    begin: time
    end: time
    timezone: str


@dataclass(frozen=True, slots=True)
class FilterRules:
    """notification_settings.filter_rules: all that are given have to let a notification pass.

    `quiet_hours` and `summary` say when it may come: not in those hours, and with others in one message.
    """

    min_priority: NotificationPriority | None = None
    keywords: Sequence[str] | None = None
    exclude_keywords: Sequence[str] = ()
    session_ids: frozenset[UUID] | None = None
    quiet_hours: QuietHours | None = None
    summary: bool = False


def filter_rules(stored: object) -> FilterRules:
    """The rules in a decoded value; SQL NULL is none. Raises: Unfit for another shape."""
    if stored is None:
        return FilterRules()
    if not isinstance(stored, dict) or not _KNOWN_RULES.issuperset(stored):
        raise Unfit(f"must be an object with {', '.join(sorted(_KNOWN_RULES))}")
    least = stored.get("min_priority")
    if "min_priority" in stored and least not in list(NotificationPriority):
        raise Unfit("must have low, normal, high or urgent as `min_priority`")
    if not isinstance(stored.get("summary", False), bool):
        raise Unfit("must have true or false as `summary`")
    lists = {name: _texts(stored[name], name) for name in sorted(_LISTS & stored.keys())}
    sessions = lists.get("session_ids")
    return FilterRules(
        min_priority=None if least is None else NotificationPriority(least),
        keywords=lists.get("keywords"),
        exclude_keywords=lists.get("exclude_keywords", ()),
        session_ids=None if sessions is None else frozenset(_session_id(text) for text in sessions),
        quiet_hours=_quiet_hours(stored["quiet_hours"]) if "quiet_hours" in stored else None,
        summary=stored.get("summary", False),
    )


def _quiet_hours(value: object) -> QuietHours:
    wrong = Unfit(
        "must have an object such as "
        '{"from": "22:00", "to": "07:00", "timezone": "Asia/Tokyo"} as `quiet_hours`'
    )
    if not isinstance(value, dict) or not {"from", "to"} <= value.keys() <= {"from", "to", "timezone"}:
        raise wrong
    zone = value.get("timezone", "UTC")
    try:
        ZoneInfo(zone)
        begin, end = time.fromisoformat(value["from"]), time.fromisoformat(value["to"])
    except (ValueError, TypeError, OSError, KeyError):
        raise wrong from None
    if begin == end or begin.tzinfo is not None or end.tzinfo is not None:
        raise wrong
    return QuietHours(begin, end, zone)


def _texts(value: object, name: str) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unfit(f"must have a list of texts as `{name}`")
    return value


def _session_id(text: str) -> UUID:
    try:
        found: UUID = converter(metadata.tables["sessions"].c.session_id)(text)  # type: ignore[assignment]
    except Unfit:
        raise Unfit("must have UUIDs as `session_ids`") from None
    return found


def invited(stored: object) -> frozenset[int] | None:
    """The keys of the people in collaboration_sessions.allowed_users; None when it names no person.

    Raises: Unfit for another shape.
    """
    if stored is None or stored == []:
        return None
    if not isinstance(stored, list) or len(stored) > MAX_INVITED or not all(_is_key(item) for item in stored):
        raise Unfit(f"must be a list of at most {MAX_INVITED} keys of people, which are whole numbers")
    return frozenset(stored)


def collaborators(stored: object) -> dict[int, str]:
    """Roles by users.id in projects.collaborators; of a person who is listed twice the last role counts.

    An entry without a person is passed over; one without a role that there is lets its person look.
    """
    if not isinstance(stored, list):
        return {}
    roles = list(CollaboratorRole)
    listed = [(entry, _person(entry)) for entry in stored]
    return {
        person: entry["role"] if entry.get("role") in roles else CollaboratorRole.VIEWER.value
        for entry, person in listed
        if person is not None
    }


def _person(entry: Any) -> int | None:
    """The person of an entry as the policies compare it: numbers as numbers, so that 3.0 is 3."""
    key = entry.get("user_id") if isinstance(entry, dict) else None
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    return key if _is_key(key) else None


def _is_key(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
