"""Gives each thing that several sessions of a person tell by the same line to one of them, with its row.

What was told of it in any of them is joined there, so the order does not matter in which their files, hooks
and telemetry come: when more is known of which session was first, the rows move.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from models.enums import UsageAsker
from models.usage import COUNTS
from services.core.database import Connection
from services.fleet import keys, kinship, prompts, provenance
from services.fleet.entities import Entity
from services.fleet.facts import Kind, Spent
from services.fleet.kinship import Kin
from services.fleet.precedence import micros
from services.fleet.sessions import Told
from services.fleet.storing import remove
from services.fleet.tasks import forget_tasks
from services.usage.recording import Usage, usage_key

_TAKE_USAGE: Final = (
    "DELETE FROM cc_usage WHERE id = ANY($1::uuid[]) AND session_id = ANY($2::uuid[]) RETURNING *"
)
_TABLES: Final = {Kind.TOOL: "mcp_tool_calls", Kind.LOG: "cc_logs"}
_TIMES: Final = ("started_at", "completed_at", "created_at")

_FORGET_FILES: Final = """
WITH gone AS (
    DELETE FROM cc_provenance WHERE session_id = ANY($1::uuid[]) AND kind = $3 AND id = ANY($2::uuid[])
    RETURNING session_id, (told ->> 'number')::bigint AS number, (told ->> 'at')::bigint AS at
)
DELETE FROM file_operations f USING gone
WHERE f.id = gone.number AND f.session_id = gone.session_id
  AND f.created_at = to_timestamp(0) + gone.at * interval '1 microsecond'
"""

_USED: Final = """
SELECT cc_instance_id FROM mcp_tool_calls WHERE cc_instance_id = ANY($1::uuid[])
UNION SELECT cc_instance_id FROM cc_usage WHERE cc_instance_id = ANY($1::uuid[])
UNION SELECT cc_instance_id FROM cc_logs WHERE cc_instance_id = ANY($1::uuid[])
UNION SELECT cc_instance_id FROM cc_permission_requests WHERE cc_instance_id = ANY($1::uuid[])
"""

_RAISE: Final = """
UPDATE cc_instances AS child SET parent_instance_id = given.parent
FROM unnest($1::uuid[], $2::uuid[]) AS given (id, parent)
WHERE child.parent_instance_id = given.id AND child.id <> ALL($1::uuid[])
"""

Stored = dict[tuple[UUID, str, UUID], tuple[str, provenance.Told]]


@dataclass(slots=True)
class _Moves:
    """The moves: `rows` are things that a session had and gives up, `usage` where requests belong."""

    rows: list[tuple[Told, Entity, Told]] = field(default_factory=list)
    usage: dict[tuple[UUID, str], Told] = field(default_factory=dict)


class Forks:
    """The sessions of a batch with those that are kin of them.

    `stored` is what earlier batches told; `guard` is SQL about a task `known` that may be changed.
    """

    def __init__(self, raw: Connection, sessions: Mapping[UUID, Told], stored: Stored, guard: str) -> None:
        self._raw = raw
        self._sessions = sessions
        self._stored = stored
        self._guard = guard

    async def settle(self, kin: Kin, spent: Sequence[Spent]) -> tuple[list[Spent], list[Usage]]:
        """Give each shared thing to the session that has its row.

        Gives what is told of requests in the sessions that they belong to, and what was stored of them in
        others.
        """
        things = await kinship.shared(self._raw, kin, self._sessions)
        things |= await prompts.concerned(self._raw, kin, self._sessions)
        await self._load(kin, things)
        moves = _Moves()
        found = [
            cluster
            for thing in sorted(things)
            for cluster in kinship.clusters(thing, kin, self._sessions)
            if cluster[1]
        ]
        await self._complete([copy for _, copies in found for copy in copies])
        for (session, entity), copies in found:
            self._welcome(session, entity)
            for other, copy in copies:
                if entity.kind is Kind.SPENT:
                    moves.usage[other.key, entity.name] = session
                elif entity.kind is not Kind.INSTANCE:
                    entity.join(copy)
                if self._is_stored(other, copy) and copy.home is None:
                    moves.rows.append((other, copy, session))
                copy.give_up(session.claude_id)
        shared = {id(entity) for first, copies in found for _, entity in (first, *copies)}
        await self._settle_prompts(kin, shared, moves)
        used = await self._take_usage(moves.usage)
        await self._forget(moves.rows)
        told = [self._belonging(one, moves.usage) for one in spent]
        await self._keep_instances([(one.session, one.agent) for one in told])
        return told, used

    async def _settle_prompts(self, kin: Kin, shared: Collection[int], moves: _Moves) -> None:
        """Have no rows of prompts that a fork repeats under an id of its own.

        `shared` are those that are settled, as they have the same id elsewhere.
        """
        repetitions = prompts.Repetitions(kin, self._sessions)
        await repetitions.read(self._raw)
        for session, entity, source in repetitions.found():
            if id(entity) in shared:
                continue
            if source is None or prompts.is_own(entity):
                if "message" in entity.weights:
                    self._welcome(session, entity)
                if source is not None:
                    prompts.keep_own(entity)
                continue
            if self._is_stored(session, entity) and entity.home is None:
                moves.rows.append((session, entity, source))
            entity.give_up(source.claude_id)

    async def _load(self, kin: Kin, things: Iterable[kinship.Thing]) -> None:
        """Join what earlier batches told of the things."""
        ids = [
            self._sessions[key].row_key(Entity(kind, name))
            for key in kin.keys
            for kind, name in things
            if kind is not Kind.INSTANCE
        ]
        if not ids:
            return
        rows = await provenance.read_some(self._raw, sorted(kin.keys), ids)
        for place, (name, told) in rows.items():
            if place not in self._stored and place[1] != provenance.FILE:
                self._stored[place] = (name, told)
                self._sessions[place[0]].entity(Kind(place[1]), name).take_stored(told)

    def _is_stored(self, session: Told, entity: Entity) -> bool:
        return (session.key, entity.kind.value, session.row_key(entity)) in self._stored

    def _welcome(self, session: Told, entity: Entity) -> None:
        """A thing has its row in this session; where it had none, it is a new one."""
        if entity.home is not None:
            entity.come_home()
            self._stored.pop((session.key, entity.kind.value, session.row_key(entity)), None)

    async def _complete(self, told: Sequence[tuple[Told, Entity]]) -> None:
        """Read from their rows the values of things that stand there alone."""
        for kind, table in _TABLES.items():
            wanted = {
                session.row_key(entity): (session, entity)
                for session, entity in told
                if entity.kind is kind and entity.home is None and self._is_stored(session, entity)
            }
            if not wanted:
                continue
            for row in await self._raw.fetch(
                f"SELECT * FROM {table} WHERE id = ANY($1::uuid[])", list(wanted)
            ):
                session, entity = wanted[row["id"]]
                agents = _agents(session)
                for name in entity.weights.keys() - entity.values.keys():
                    if name == "agent":
                        entity.values[name] = agents.get(row["cc_instance_id"], "")
                    else:
                        entity.values[name] = _value(name, row[name])

    async def _take_usage(self, homes: Mapping[tuple[UUID, str], Told]) -> list[Usage]:
        """Take what was stored of requests out of the sessions that they do not belong to."""
        sources = {usage_key(key, name): (self._sessions[key], home) for (key, name), home in homes.items()}
        if not sources:
            return []
        rows = await self._raw.fetch(_TAKE_USAGE, list(sources), sorted({key for key, _ in homes}))
        for row in rows:
            self._sessions[row["session_id"]].has_lost_rows = True
        return [_used(row, *sources[row["id"]]) for row in rows]

    async def _forget(self, rows: Sequence[tuple[Told, Entity, Told]]) -> None:
        """Remove rows that stand in another session from now on, and what was made of them."""
        calls: dict[UUID, Told] = {}
        for kind, table in _TABLES.items():
            of_kind = {session.row_key(entity): session for session, entity, _ in rows if entity.kind is kind}
            if not of_kind:
                continue
            if kind is Kind.TOOL:
                calls = of_kind
                owners = sorted({session.key for session in calls.values()})
                await forget_tasks(self._raw, calls, self._guard)
                await self._raw.execute(_FORGET_FILES, owners, list(calls), provenance.FILE)
                self._drop_files(calls)
            await remove(self._raw, table, of_kind)

    def _drop_files(self, calls: Iterable[UUID]) -> None:
        gone = set(calls)
        for place in [one for one in self._stored if one[1] == provenance.FILE and one[2] in gone]:
            del self._stored[place]

    def _belonging(self, one: Spent, homes: Mapping[tuple[UUID, str], Told]) -> Spent:
        """The usage of a request, in the session that it belongs to."""
        by_name = {session.claude_id: session for session in self._sessions.values()}
        session = by_name.get(one.session)
        home = None if session is None else homes.get((session.key, one.request_id))
        if home is None:
            return one
        home.entity(Kind.INSTANCE, one.agent).come_home()
        return replace(one, session=home.claude_id)

    async def _keep_instances(self, asking: Iterable[tuple[str, str]]) -> None:
        """Keep rows of agents that another session has only where the agent does something here, too.

        `asking` are sessions and agents whose requests are told.
        """
        active = set(asking)
        copies: dict[UUID, tuple[Told, Entity]] = {}
        for session in self._sessions.values():
            named = {
                entity.values.get("agent")
                for entity in session.entities.values()
                if entity.kind is not Kind.INSTANCE and entity.home is None
            }
            for entity in [one for (kind, _), one in session.entities.items() if kind is Kind.INSTANCE]:
                if entity.home is None:
                    continue
                if entity.name in named or (session.claude_id, entity.name) in active:
                    self._welcome(session, entity)
                else:
                    copies[session.instance(entity.name)] = (session, entity)
        for row in await self._raw.fetch(_USED, list(copies)) if copies else ():
            self._welcome(*copies.pop(row["cc_instance_id"]))
        if copies:
            gone = list(copies)
            await self._raw.execute(_RAISE, gone, [session.key for session, _ in copies.values()])
            told = [keys.row(session.key, "instruction", entity.name) for session, entity in copies.values()]
            await remove(self._raw, "ultrathink_messages", told)
            await remove(self._raw, "cc_instances", gone)


def _agents(session: Told) -> dict[UUID, str]:
    """The ids of its agents by the keys of their rows, also of those that another session has."""
    return {session.instance(name): name for kind, name in session.entities if kind is Kind.INSTANCE}


def _value(name: str, value: Any) -> Any:
    """The value of a column as facts have it."""
    return micros(value) if name in _TIMES and value is not None else value


def _used(row: Record, source: Told, home: Told) -> Usage:
    """The usage that was stored of a request, as one of another session."""
    agent = _agents(source).get(row["cc_instance_id"], "")
    home.entity(Kind.INSTANCE, agent).come_home()
    return Usage(
        session_id=home.key,
        request_id=row["request_id"],
        requested_at=row["requested_at"],
        cc_instance_id=home.instance(agent),
        model=row["model"],
        asked_by=None if row["asked_by"] is None else UsageAsker(row["asked_by"]),
        cost_micro_usd=None if row["cost_is_estimated"] else row["cost_micro_usd"],
        duration_ms=row["duration_ms"],
        time_to_first_token_ms=row["time_to_first_token_ms"],
        **{name: row[name] for name in COUNTS},
    )
