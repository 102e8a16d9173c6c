"""Owners of sessions, and the rows of sessions and instances."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from models.enums import CcActivity, CcInstanceStatus, CcInstanceType, SessionStatus
from services.core.database import Connection
from services.core.principal import Principal
from services.core.timestamps import EARLIEST
from services.fleet import keys
from services.fleet.activities import Doing, summed_up
from services.fleet.entities import Entity
from services.fleet.facts import Kind
from services.fleet.places import Place, Whereabouts
from services.fleet.precedence import micros
from services.writing.permissions import predicates

_LONGEST_NAME: Final = 100

# Sessions take turns: what one batch tells is joined with what others have stored.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('cc_session ' || $1::text, 0))"

_TAKEN: Final = """
SELECT t.session_id AS id, t.user_id = $1 AS is_own, true AS is_session FROM sessions t
WHERE t.session_id = ANY($2::uuid[])
UNION ALL
SELECT t.id, $1::int IS NOT NULL AND {changeable}, false FROM cc_instances t WHERE t.id = ANY($2::uuid[])
"""

_KNOWN: Final = """
SELECT t.session_id, t.name, t.created_at, t.project_id AS number, p.project_id,
       p.status = 'archived' AS is_archived,
       $1::int IS NOT NULL AND {changeable} AS is_changeable
FROM sessions t LEFT JOIN projects p ON p.id = t.project_id
WHERE t.session_id = ANY($2::uuid[])
"""


@dataclass(slots=True)
class Told:
    """A session with all that is told of it. `key` is that of its row, and of its main instance."""

    claude_id: str
    key: UUID
    entities: dict[tuple[Kind, str], Entity]
    place: Place | None = None
    row_name: str | None = None
    row_made: datetime | None = None
    is_new: bool = True
    moved: bool = False
    has_lost_rows: bool = False
    stored: dict[tuple[Kind, str], Entity] = field(default_factory=dict)

    def entity(self, kind: Kind, name: str = "") -> Entity:
        """The facts about a thing; of one that is new, none yet."""
        found = self.entities.get((kind, name))
        if found is None:
            found = self.entities[kind, name] = Entity(kind, name)
        return found

    def of(self, kind: Kind) -> Iterable[Entity]:
        """All things of a kind, without those whose rows another session has."""
        return [
            entity for (known, _), entity in self.entities.items() if known is kind and entity.home is None
        ]

    @property
    def is_fork(self) -> bool:
        """True if the session has begun with the conversation of another one."""
        return bool(self.entity(Kind.SESSION).values.get("forked"))

    @property
    def began(self) -> int | None:
        """The time at which it began, in microseconds since 1970; what a fork repeats was before."""
        values = self.entity(Kind.SESSION).values
        born: int | None = values.get("born") if self.is_fork else None
        return values.get("started") if born is None else born

    @property
    def agents(self) -> list[str]:
        """The ids of its instances; that of the main one is empty."""
        return [entity.name for entity in self.of(Kind.INSTANCE)]

    def instance(self, agent: str) -> UUID:
        """The key of an instance."""
        return keys.instance(self.key, agent)

    @property
    def instances(self) -> list[UUID]:
        """The keys of all its instances."""
        return [self.instance(agent) for agent in self.agents]

    def row_key(self, entity: Entity) -> UUID:
        """The key of the row that is made of a thing."""
        match entity.kind:
            case Kind.SESSION:
                return self.key
            case Kind.INSTANCE:
                return self.instance(entity.name)
            case Kind.TOOL:
                return keys.tool_call(self.key, entity.name)
            case Kind.REQUEST:
                return keys.row(self.key, "permission", entity.name)
            case _:
                return keys.row(self.key, entity.kind.value, entity.name)

    def remembered(self, entity: Entity) -> tuple[UUID, str, UUID, str, Mapping[str, Any]]:
        """The facts about a thing as they are stored: session, kind, key, name, and the facts for later."""
        return self.key, entity.kind.value, self.row_key(entity), entity.name, entity.stored()

    @property
    def whereabouts(self) -> Whereabouts:
        """The place in which the session works, as far as it is known."""
        values = self.entity(Kind.SESSION).values
        return Whereabouts(values.get("directory"), values.get("checkout"), values.get("remote"))


async def keys_of(
    raw: Connection, principal: Principal, claude_ids: Iterable[str]
) -> tuple[dict[str, UUID], list[str]]:
    """The keys of sessions by Claude's ids, each held until the commit; and what is to be told of them.

    One whose key is that of another person's session or instance gets a key of its own, and touches nothing
    of the other's.
    """
    plain = {claude_id: keys.session(claude_id) for claude_id in claude_ids}
    for turn in sorted({str(key) for key in plain.values()}):
        await raw.execute(_TAKE_TURN, turn)
    changeable = predicates(principal, "cc_instances", "$1::int")[1]
    taken = await raw.fetch(_TAKEN.format(changeable=changeable), principal.user_id, list(plain.values()))
    own = {row["id"] for row in taken if row["is_own"] and row["is_session"]}
    foreign = {row["id"] for row in taken if not row["is_own"]} - own
    problems = []
    found = {}
    for claude_id, key in plain.items():
        if key in foreign:
            problems.append(
                f"The session {claude_id[:64]} belongs to another person. Nothing of theirs was touched;"
                " what you told of it is kept as a session of your own, with another id."
            )
            found[claude_id] = keys.session_of(claude_id, principal.user_id)
        else:
            found[claude_id] = key
    return found, problems


async def look_up(raw: Connection, principal: Principal, told: Mapping[UUID, Told]) -> dict[UUID, str]:
    """Note of each session what is stored of it. Gives those that cannot be written, with the reason."""
    _, changeable = predicates(principal, "sessions", "$1::int")
    refused: dict[UUID, str] = {}
    for row in await raw.fetch(_KNOWN.format(changeable=changeable), principal.user_id, list(told)):
        session = told[row["session_id"]]
        session.is_new = False
        session.row_name = row["name"]
        session.row_made = row["created_at"]
        if row["is_archived"]:
            refused[session.key] = (
                f"The project of session {session.claude_id[:64]} is archived; restoreProject brings it back."
            )
        elif row["number"] is not None:
            session.place = Place(row["number"], row["project_id"])
    return refused


_FOREIGN: Final = """
SELECT t.id FROM cc_instances t WHERE t.id = ANY($2::uuid[]) AND NOT ($1::int IS NOT NULL AND {changeable})
"""


async def foreign_instances(raw: Connection, principal: Principal, sessions: Iterable[Told]) -> set[UUID]:
    """The keys of sessions with an instance that the caller may not change."""
    owners = {key: session.key for session in sessions for key in session.instances}
    changeable = predicates(principal, "cc_instances", "$1::int")[1]
    rows = await raw.fetch(_FOREIGN.format(changeable=changeable), principal.user_id, list(owners))
    return {owners[row["id"]] for row in rows}


_ENDED: Final = """
SELECT id, activity_since FROM cc_instances WHERE id = ANY($1::uuid[]) AND activity = 'GONE'
"""


async def note_ends(raw: Connection, sessions: Iterable[Told], last_events: Mapping[UUID, int]) -> None:
    """Note of instances that the server itself has ended that it did; what is told later counts against it.

    `last_events` is when the last event of each instance was that earlier batches have told: an end after it
    is not of digestion's making.
    """
    owners = {session.instance(agent): (session, agent) for session in sessions for agent in session.agents}
    for row in await raw.fetch(_ENDED, list(owners)):
        session, agent = owners[row["id"]]
        at = micros(row["activity_since"])
        if row["id"] in last_events and at > last_events[row["id"]]:
            session.entity(Kind.INSTANCE, agent).end(at)


def moment_of(since: int | None) -> datetime | None:
    """A time of microseconds since 1970."""
    return None if since is None else EARLIEST + timedelta(microseconds=max(since, 0))


def doings(session: Told) -> dict[str, Doing | None]:
    """The activity of each of the session's instances.

    A subagent does not outlive the process that it ran in.
    """
    found: dict[str, Doing | None] = {}
    for agent in session.agents:
        entity = session.entity(Kind.INSTANCE, agent)
        values = entity.values
        found[agent] = summed_up(
            entity.events,
            alive=values.get("alive"),
            working_since=values.get("started" if agent else "turn"),
        )
    main = found.get("")
    gone = main.since if main is not None and main.activity is CcActivity.GONE else 0
    ended = max(gone, session.entity(Kind.INSTANCE).values.get("restarted") or 0)
    for agent, doing in found.items():
        if not agent or (doing is not None and doing.activity is CcActivity.GONE):
            continue
        last = _last_told(session.entity(Kind.INSTANCE, agent))
        if last is None:  # of which nothing but its name is known
            last, is_over = gone, gone > 0
        else:
            is_over = last <= ended
        if is_over:
            found[agent] = Doing(CcActivity.GONE, last, None, failed=False)
    return found


def _last_told(agent: Entity) -> int | None:
    """The time at which a subagent last did something, as far as it is told."""
    if agent.events:
        return agent.events[-1][0]
    told = (agent.values.get(name) for name in ("answered", "seen", "started"))
    return max((at for at in told if at is not None), default=None)


_SESSION_STATUS: Final = {
    CcInstanceStatus.STOPPED: SessionStatus.STOPPED,
    CcInstanceStatus.ERROR: SessionStatus.ERROR,
}


def session_row(session: Told, owner_id: int, main: Doing | None) -> dict[str, Any]:
    """The row of a session, without its key."""
    entity = session.entity(Kind.SESSION)
    values = entity.values
    status = SessionStatus.RUNNING
    if main is not None:
        status = _SESSION_STATUS.get(main.status, SessionStatus.RUNNING)
    context = {
        name: values[field]
        for name, field in (
            ("version", "version"),
            ("entrypoint", "entrypoint"),
            ("gitBranch", "branch"),
            ("permissionMode", "mode"),
        )
        if values.get(field) is not None
    }
    return {
        "name": name_of(session),
        "status": status.value,
        "working_directory": values.get("directory"),
        "context_data": {"claude_code": context},
        "claude_session_id": session.claude_id[:64],
        "user_id": owner_id,
        "project_id": None if session.place is None else session.place.number,
        "created_at": _made(session),
        "last_accessed": moment_of(values.get("seen")) or _made(session),
    }


def _made(session: Told) -> datetime:
    """The time at which a session began: as it is told; of one that a person has made, that before."""
    entity = session.entity(Kind.SESSION)
    started = moment_of(session.began)
    if started is None:
        return session.row_made or datetime.now(UTC)
    return started if session.row_made is None or entity.written else min(started, session.row_made)


def name_of(session: Told) -> str:
    """The name of a session: its title, or its first prompt."""
    values = session.entity(Kind.SESSION).values
    told = values.get("custom_title") or values.get("title") or values.get("prompt")
    return str(told)[:_LONGEST_NAME] if told else "Claude Code"


def instance_row(session: Told, agent: str, doing: Doing | None) -> dict[str, Any]:
    """The row of an instance, without its key. Who began a subagent is settled once tool calls are stored."""
    values = session.entity(Kind.INSTANCE, agent).values
    began = None if session.is_fork and not agent else values.get("started")
    started = moment_of(session.began if began is None else began)
    gone = doing is not None and doing.activity is CcActivity.GONE
    status = CcInstanceStatus.RUNNING if doing is None else doing.status
    name = name_of(session)
    if agent:
        name = str(values.get("description") or values.get("agent_type") or f"Agent {agent[:40]}")
    return {
        "project_id": None if session.place is None else session.place.project_id,
        "name": name,
        "type": (CcInstanceType.CHILD if agent else CcInstanceType.PARENT).value,
        "status": status.value,
        "parent_instance_id": session.key if agent else None,
        "worktree_path": _worktree_of(session, values.get("directory")),
        "process_id": values.get("process_id"),
        "created_at": started or _made(session),
        "started_at": started,
        "last_heartbeat": moment_of(values.get("seen")),
        "terminated_at": moment_of(doing.since) if gone and doing is not None else None,
        "exit_code": values.get("exit_code") if gone else None,
        "activity": None if doing is None else doing.activity.value,
        "activity_since": None if doing is None else moment_of(doing.since),
        "activity_detail": None if doing is None else doing.detail,
        "model": values.get("model"),
        "last_message": values.get("last_message"),
        "context_used_percent": values.get("context_used_percent"),
    }


def _worktree_of(session: Told, directory: str | None) -> str | None:
    """The worktree in which a directory lies, of those that are known."""
    if directory is None:
        return None
    shown = directory.replace("\\", "/")
    for entity in session.of(Kind.WORKTREE):
        path = str(entity.values.get("path") or "").replace("\\", "/")
        if path and (shown == path or shown.startswith(f"{path}/")):
            return str(entity.values["path"])
    return None
