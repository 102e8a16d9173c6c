"""The changes that a write made in the whole database, and those that its caller was allowed to make."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

import models
from models.operation_counts import COUNTS
from models.search import SEARCHES
from tests.support.plain.changes import Reach
from tests.support.plain.visibility import Row, Seer, Sight, Tables

Key = tuple[Any, ...]
Snapshot = Mapping[str, Mapping[Key, Row]]
"""Every row of every table, by its key."""

KEPT_BY_TRIGGERS = {
    "projects": {"total_sessions", "total_worktrees", "total_commits", "last_activity", "updated_at"},
}
"""Columns that follow what happens elsewhere."""

KEPT_REFERENCES = {"mcp_tool_calls": ("message_instance_id", "cc_instances", "id")}
"""References without a foreign key, which triggers empty as one would."""

COUNTING = {counts.table: counted for counted, counts in COUNTS.items()}
"""Tables in which triggers count the rows of others, and of which."""

TEXTS = {search.texts.table: name for name, search in SEARCHES.items() if search.texts is not None}
"""Tables in which triggers keep the texts of others, and of which."""

TABLES = {table.name: table for table in models.metadata.sorted_tables if not table.info.get("view")}


async def take(connection: "asyncpg.Connection[asyncpg.Record]") -> Snapshot:
    """The whole database. Rows of a table without a key have their place in it."""
    found = {}
    for name, table in TABLES.items():
        keys = [column.name for column in table.primary_key]
        rows = await connection.fetch(f"SELECT * FROM {name}")
        found[name] = {
            tuple(row[key] for key in keys) or (number,): dict(row) for number, row in enumerate(rows)
        }
    return found


def listed(snapshot: Snapshot) -> Tables:
    """The rows alone."""
    return {name: list(rows.values()) for name, rows in snapshot.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after; None where there was or is none."""

    table: str
    before: Row | None
    after: Row | None

    @property
    def columns(self) -> set[str]:
        """The columns that differ."""
        old, new = self.before or {}, self.after or {}
        return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """The changes between two states."""
    for table, old in before.items():
        new = after[table]
        for key in old.keys() | new.keys():
            if old.get(key) != new.get(key):
                yield Change(table, old.get(key), new.get(key))


def trespasses(before: Snapshot, after: Snapshot, seer: Seer) -> list[str]:
    """Everything that was changed and that `seer` may not change; empty when all is well.

    Rows that go or lose a reference with a row that may be deleted are part of its deletion; so are the
    figures that triggers keep, the caller's audit rows and the events of the feed.
    """
    found = list(changes(before, after))
    gone = {(change.table, id(change.before)) for change in found if change.after is None}
    allowed = [_is_allowed(change, before, after, seer, gone) for change in found]
    return [str(change) for change, is_allowed in zip(found, allowed, strict=True) if not is_allowed]


def _is_allowed(
    change: Change, before: Snapshot, after: Snapshot, seer: Seer, gone: set[tuple[str, int]]
) -> bool:
    if change.table == "change_events":
        return change.before is None
    if change.table == "system_logs" and change.before is None and change.after is not None:
        return seer.is_admin or change.after["user_id"] == seer.user_id
    if change.table in TEXTS:
        return change.before is None and _keeps_texts(change, after, TEXTS[change.table])
    if change.table in COUNTING:
        return _counts_right(after, COUNTING[change.table])
    if _rings(change, before, after) or _is_accepted(change, before, after, seer):
        return True
    if _is_own_part(change, before, seer) or _counts_parts(change, before, after):
        return True
    if change.before is not None and change.after is not None:
        if change.columns <= KEPT_BY_TRIGGERS.get(change.table, set()):
            return True
        if _lost_references(change, before, gone):
            return True
    if change.after is None and change.before is not None and _went_along(change, before, gone):
        return True
    then, now = Reach(listed(before), seer), Reach(listed(after), seer)
    if change.before is not None and not then.changes(change.table, change.before):
        return False
    if change.after is None:
        return change.before is None or then.owns(change.table, change.before)
    if change.before is not None and not then.changes_columns(change.table, change.before, change.columns):
        return False
    return now.changes(change.table, change.after) and _refers_to_what_is_seen(change, now)


def _counts_right(after: Snapshot, counted: str) -> bool:
    """True if the counts of a table by triggers are right."""
    counts = COUNTS[counted]
    columns = sorted(counts.columns)
    sums = Counter[tuple[Any, ...]]()
    for row in after[counts.table].values():
        sums[tuple(row[column] for column in columns)] += row[counts.number]
    there = Counter(tuple(row[column] for column in columns) for row in after[counted].values())
    return {key: number for key, number in sums.items() if number} == there


def _keeps_texts(change: Change, after: Snapshot, of: str) -> bool:
    """True if a text that triggers have added is that of a row."""
    texts = SEARCHES[of].texts
    assert texts is not None
    assert change.after is not None
    return any(row[texts.column] == change.after[texts.text] for row in after[of].values())


def _rings(change: Change, before: Snapshot, after: Snapshot) -> bool:
    """True if connections of a person hear that there is an invitation to that person, which is new."""
    told = change.after
    if change.table != "websocket_notifications" or change.before is not None or told is None:
        return False
    invited = orjson.loads(told["payload"]).get("invitation_id")
    heard = {row["user_id"] for row in after["websocket_sessions"].values() if row["id"] == told["socket_id"]}
    return any(
        str(row["id"]) == invited and row["user_id"] in heard and row["state"] == "pending"
        for row in after["project_invitations"].values()
    )


def _is_accepted(change: Change, before: Snapshot, after: Snapshot, seer: Seer) -> bool:
    """True if a project has become what an invitation offered to the person, who has just accepted it."""
    if change.table not in ("projects", "project_invitations") or change.after is None:
        return False
    project = change.after["id"] if change.table == "projects" else change.after["project_id"]
    accepted = [
        row
        for key, row in before["project_invitations"].items()
        if row["user_id"] == seer.user_id
        and row["project_id"] == project
        and row["state"] == "pending"
        and after["project_invitations"][key]["state"] == "accepted"
        and before["projects"][(project,)]["owner_id"] == row["invited_by"]
    ]
    if change.table == "project_invitations":
        return bool(accepted) and change.columns <= {"state", "answered_at"}
    allowed = {"collaborators", "updated_at", *(["owner_id"] if _offers(accepted, "owner") else [])}
    return bool(accepted) and change.columns <= allowed


def _offers(invitations: list[Row], role: str) -> bool:
    return any(row["role"] == role for row in invitations)


def _is_own_part(change: Change, before: Snapshot, seer: Seer) -> bool:
    """True if the person asked to take part in a shared session, came in where one may, or left."""
    part = change.after
    if change.table != "collaboration_participants" or part is None or part["user_id"] != seer.user_id:
        return False
    state = change.before and change.before["state"]
    if part["state"] == "left":
        return state in ("joined", "requested")
    (shared,) = (
        row
        for row in before["collaboration_sessions"].values()
        if row["id"] == part["collaboration_session_id"]
    )
    taken = [
        other["state"] == "joined" and other["collaboration_session_id"] == shared["id"]
        for other in before["collaboration_participants"].values()
    ]
    ends, limit = shared["expires_at"], shared["max_participants"]
    invited = orjson.loads(shared["allowed_users"] or "[]")
    may_ask = (
        (seer.user_id in invited if invited else bool(shared["is_public"]))
        and not Sight(listed(before), seer).hosts(shared)
        and (ends is None or ends > datetime.now(UTC))
        and state != "refused"
    )
    if part["state"] == "requested":
        return may_ask and bool(shared["requires_approval"]) and state != "joined"
    return (
        may_ask
        and part["state"] == "joined"
        and not shared["requires_approval"]
        and (limit is None or sum(taken) < limit)
    )


def _counts_parts(change: Change, before: Snapshot, after: Snapshot) -> bool:
    """True if a shared session has only counted anew who takes part in it, and counted right."""
    shared = change.after
    if change.table != "collaboration_sessions" or shared is None:
        return False
    parts = [
        each.after
        for each in changes(before, after)
        if each.table == "collaboration_participants"
        and each.after is not None
        and each.after["collaboration_session_id"] == shared["id"]
    ]
    joined = [
        part["state"] == "joined"
        for part in after["collaboration_participants"].values()
        if part["collaboration_session_id"] == shared["id"]
    ]
    counts = {"current_participants", "total_joins", "updated_at"}
    return bool(parts) and change.columns <= counts and shared["current_participants"] == sum(joined)


def _references(table: str, *rules: str) -> Iterator[tuple[str, str, str]]:
    """Foreign keys as column, target and its key: all, or those with one of these rules of deletion."""
    for column in TABLES[table].columns:
        for key in column.foreign_keys:
            if not rules or key.ondelete in rules:
                yield column.name, key.column.table.name, key.column.name


def _went_along(change: Change, before: Snapshot, gone: set[tuple[str, int]]) -> bool:
    """True if a row that this one referred to is gone too."""
    assert change.before is not None
    return any(
        (target, id(row)) in gone
        for column, target, key in _references(change.table, "CASCADE")
        for row in before[target].values()
        if change.before[column] is not None and row[key] == change.before[column]
    )


def _lost_references(change: Change, before: Snapshot, gone: set[tuple[str, int]]) -> bool:
    """True if the only changes are references to rows that are gone, now empty."""
    assert change.before is not None
    assert change.after is not None
    kept = KEPT_REFERENCES.get(change.table)
    lost = {
        column
        for column, target, key in (*_references(change.table), *((kept,) if kept else ()))
        if change.after[column] is None
        and any(
            (target, id(row)) in gone for row in before[target].values() if row[key] == change.before[column]
        )
    }
    return bool(lost) and change.columns <= {*lost, "updated_at"}


def _refers_to_what_is_seen(change: Change, now: Reach) -> bool:
    """A reference that is new leads to a row that the person sees, also one made by the same write."""
    assert change.after is not None
    sight = now.sees()
    return all(
        change.after[column] is None
        or (change.before is not None and change.before[column] == change.after[column])
        or sight.shows(target, key, change.after[column])
        for column, target, key in _references(change.table)
    )
