"""Makes rows of what sources have told: read, joined with what was told before, and written where it is new.

The same records give the same rows in whatever order and parts they come, and however often. The caller's
transaction holds all of it; what cannot be read or placed is told, and takes nothing else with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from models.change_policy import changeable
from models.enums import CcActivity
from services.core.database import Connection, driver
from services.fleet import keys, kinship, provenance
from services.fleet.activities import Doing
from services.fleet.deriving import (
    end_interrupted_calls,
    settle_callers,
    settle_requests,
    store_instructions,
    store_totals,
    time_calls,
)
from services.fleet.entities import Entity, gathered
from services.fleet.facts import Kind, Spent
from services.fleet.files import store_file_operations
from services.fleet.forks import Forks
from services.fleet.places import clear_catch_all, places_of
from services.fleet.provenance import Told as Provenance
from services.fleet.reading import read_all, size_of
from services.fleet.recorded import join_messages, recorded_calls, take_turns
from services.fleet.records import Digested, Problem, RawRecord
from services.fleet.rows import call_values, log_values, new_call, new_log, usage, worktree_row
from services.fleet.sessions import (
    Told,
    doings,
    foreign_instances,
    instance_row,
    keys_of,
    look_up,
    moment_of,
    note_ends,
    session_row,
)
from services.fleet.storing import concealed, insert, patch, upsert
from services.fleet.tasks import store_tasks
from services.secrets.masking import off_the_loop
from services.usage.recording import MOST_ROWS, Usage, store_usage
from services.writing.action import Transaction
from services.writing.task_claims import release_claims

_MOST_PROBLEMS: Final = 100
_MOVE_USAGE: Final = (
    "UPDATE cc_usage AS u SET project_id = i.project_id FROM cc_instances i"
    " WHERE u.session_id = ANY($1::uuid[]) AND i.id = u.session_id"
)


async def digest(transaction: Transaction, owner_id: int, records: Sequence[RawRecord]) -> Digested:
    """Make rows of what a person's sources have told. `owner_id` is the person, who the transaction acts as.

    Never raises for bad content: that is counted and told.
    """
    size = sum(map(size_of, records))
    readings = await off_the_loop(size, read_all, records)
    problems = [
        Problem(record.id, problem)
        for record, reading in zip(records, readings, strict=True)
        for problem in reading.problems
    ]
    told = await off_the_loop(size, gathered, (fact for reading in readings for fact in reading.facts))
    spent = [one for reading in readings for one in reading.spent]
    unreadable = sum(reading.unreadable for reading in readings)
    if told:
        # The driver's connection is there once the transaction has begun.
        await transaction.connection.exec_driver_sql("SELECT 1")
        raw = await driver(transaction.connection)
        more = await _Batch(transaction, raw, owner_id).store(told, spent)
        problems += [Problem(None, problem) for problem in more]
    return Digested(unreadable, tuple(problems[:_MOST_PROBLEMS]))


class _Batch:
    """The rows of one batch."""

    def __init__(self, transaction: Transaction, raw: Connection, owner_id: int) -> None:
        self._transaction = transaction
        self._raw = raw
        self._owner_id = owner_id
        self._sessions: dict[UUID, Told] = {}
        self._provenance: dict[tuple[UUID, str, UUID], tuple[str, Provenance]] = {}
        self._doings: dict[tuple[UUID, str], Doing | None] = {}
        self._spent: Sequence[Spent] = ()
        self._used: list[Usage] = []
        self._problems: list[str] = []
        self._recorded: list[UUID] = []

    async def store(
        self, told: dict[str, dict[tuple[Kind, str], Entity]], spent: Sequence[Spent]
    ) -> list[str]:
        """Store what is told of sessions; gives what is to be told to people."""
        await self._open(told, spent)
        if not self._sessions:
            return self._problems
        await self._place()
        await self._store_sessions()
        await self._store_instances()
        touched = await self._store_calls()
        await settle_callers(self._raw, self._sessions.values())
        await self._store_logs()
        await self._store_worktrees()
        await self._store_requests()
        await self._store_usage()
        sessions = list(self._sessions.values())
        cutoffs = self._cutoffs()
        await time_calls(self._raw, self._untimed(touched))
        held = [session for session in sessions if session.key in self._recorded]
        await join_messages(self._transaction.connection, self._raw, held)
        touched |= await end_interrupted_calls(self._raw, cutoffs)
        await store_instructions(self._raw, sessions, self._doings)
        await store_tasks(self._raw, sessions, touched, self._guard("tasks"))
        await settle_requests(self._raw, [session.key for session in sessions])
        files = await store_file_operations(self._raw, sessions, touched, self._provenance, self._owner_id)
        await store_totals(self._raw, sessions)
        await self._release()
        await provenance.write(self._raw, [*self._told(), *files])
        if any(session.moved for session in sessions):
            await clear_catch_all(self._raw, self._owner_id)
        return self._problems

    # What is there

    async def _open(self, told: dict[str, dict[tuple[Kind, str], Entity]], spent: Sequence[Spent]) -> None:
        """Find out whose the sessions are, and join what was told of them before."""
        principal = self._transaction.principal
        found, problems = await keys_of(self._raw, principal, told)
        self._problems += problems
        self._recorded = await take_turns(
            self._transaction.connection, {key: told[claude_id] for claude_id, key in found.items()}
        )
        sessions = {key: Told(claude_id, key, told[claude_id]) for claude_id, key in found.items()}
        for refusal_key, reason in (await look_up(self._raw, principal, sessions)).items():
            self._problems.append(reason)
            del sessions[refusal_key]
        self._sessions = sessions
        for session in sessions.values():
            self._name_agents(session, spent)
        await self._join_stored(sessions)
        for refusal_key in await foreign_instances(self._raw, principal, sessions.values()):
            session = sessions.pop(refusal_key)
            self._problems.append(
                f"An instance of session {session.claude_id[:64]} is in a project that you may not change."
            )
        await self._settle_forks(spent)
        last_events = {
            key: max((event[0] for event in known.get("events", ())), default=0)
            for (_, kind, key), (_, known) in self._provenance.items()
            if kind == Kind.INSTANCE
        }
        await note_ends(self._raw, sessions.values(), last_events)

    async def _join_stored(self, sessions: Mapping[UUID, Told]) -> None:
        """Join what earlier batches told of the sessions and of what this one speaks of."""
        ids = [
            session.row_key(entity) for session in sessions.values() for entity in session.entities.values()
        ]
        known = await provenance.read(self._raw, list(sessions), ids)
        self._provenance |= known
        for (session_key, kind, _), (name, told) in known.items():
            if kind != provenance.FILE:
                sessions[session_key].entity(Kind(kind), name).take_stored(told)

    async def _settle_forks(self, spent: Sequence[Spent]) -> None:
        """Bring in the person's sessions that repeat lines of these, or the other way round."""
        self._spent = list(spent)
        if not self._sessions:
            return
        found = await kinship.find(self._raw, self._owner_id, self._sessions)
        others = {key: Told(name, key, {}) for key, name in found.names.items() if key not in self._sessions}
        if others:
            principal = self._transaction.principal
            for key in await look_up(self._raw, principal, others):
                del others[key]
            for session in others.values():
                self._name_agents(session, ())
            await self._join_stored(others)
            for key in await foreign_instances(self._raw, principal, others.values()):
                del others[key]
            self._sessions |= others
        kin = kinship.related(self._sessions, found.lines)
        if kin.pairs:
            forks = Forks(self._raw, self._sessions, self._provenance, self._guard("tasks"))
            self._spent, self._used = await forks.settle(kin, spent)

    @staticmethod
    def _name_agents(session: Told, spent: Sequence[Spent]) -> None:
        """Each agent that is spoken of is an instance, and so is the session itself."""
        session.entity(Kind.SESSION)
        session.entity(Kind.INSTANCE)
        named = {
            entity.values.get("agent")
            for entity in list(session.entities.values())
            if entity.kind is not Kind.INSTANCE
        }
        named |= {one.agent for one in spent if one.session == session.claude_id}
        for agent in named:
            if isinstance(agent, str) and agent:
                session.entity(Kind.INSTANCE, agent)

    async def _place(self) -> None:
        """Find the projects of sessions that have none, or of whose directory more is known now."""
        spare = keys.project(self._owner_id, "")
        wanting = [
            session
            for session in self._sessions.values()
            if session.place is None
            or (
                session.place.project_id == spare
                and session.entity(Kind.SESSION).changed & {"directory", "checkout", "remote"}
            )
        ]
        if not wanting:
            return
        wanting.sort(key=lambda session: session.key)
        places = await places_of(
            self._transaction, self._raw, self._owner_id, [session.whereabouts for session in wanting]
        )
        for session in wanting:
            place = places[session.whereabouts]
            if place.problem is not None:
                self._problems.append(place.problem)
            session.moved = session.place is not None and session.place.project_id != place.project_id
            session.place = place

    # Rows

    async def _store_sessions(self) -> None:
        rows: dict[UUID, dict[str, Any]] = {}
        for session in self._sessions.values():
            for agent, doing in doings(session).items():
                self._doings[session.key, agent] = doing
            row = session_row(session, self._owner_id, self._doings.get((session.key, "")))
            entity = session.entity(Kind.SESSION)
            # What a person has named otherwise keeps its name.
            if session.row_name is not None and session.row_name != entity.written.get("name"):
                row["name"] = session.row_name
            rows[session.key] = row
        shown = await concealed("sessions", rows)
        for key, row in shown.items():
            entity = self._sessions[key].entity(Kind.SESSION)
            before = entity.written.get("name")
            if self._sessions[key].row_name in (None, before) and before != row["name"]:
                entity.written["name"] = row["name"]
                entity.changed.add("written")
        await upsert(
            self._raw,
            "sessions",
            shown,
            key="session_id",
            fixed=("user_id", "claude_session_id"),
            joined={
                "last_accessed": "GREATEST(known.last_accessed, excluded.last_accessed)",
                "working_directory": "COALESCE(excluded.working_directory, known.working_directory)",
                "context_data": "COALESCE(known.context_data, '{}'::jsonb) || excluded.context_data",
            },
        )

    async def _store_instances(self) -> None:
        rows = {}
        for session in self._sessions.values():
            for agent in session.agents:
                entity = session.entity(Kind.INSTANCE, agent)
                rows[session.instance(agent)] = instance_row(session, agent, self._doings[session.key, agent])
                entity.changed.add("row")
        shown = await concealed("cc_instances", rows)
        # The parent of a main instance first, as rows refer to it.
        await upsert(self._raw, "cc_instances", shown, fixed=("parent_instance_id", "type"))
        if moved := [session.key for session in self._sessions.values() if session.moved]:
            await self._raw.execute(_MOVE_USAGE, moved)

    async def _store_calls(self) -> set[UUID]:
        """Write what is new of tool calls; gives the keys of those that were touched."""
        return await self._store_parts("mcp_tool_calls", Kind.TOOL, call_values, new_call)

    async def _store_logs(self) -> None:
        await self._store_parts("cc_logs", Kind.LOG, log_values, new_log)

    async def _store_parts(self, table: str, kind: Kind, values_of: Any, complete: Any) -> set[UUID]:
        """Insert the rows that are new, and change of others what a weightier source has told."""
        new: dict[UUID, dict[str, Any]] = {}
        changed: dict[UUID, dict[str, Any]] = {}
        owners: dict[UUID, tuple[Told, Entity]] = {}
        for session in self._sessions.values():
            for entity in session.of(kind):
                if not entity.changed:
                    continue
                key = session.row_key(entity)
                owners[key] = (session, entity)
                values = values_of(session, entity)
                if (session.key, kind.value, key) in self._provenance:
                    changed |= {key: values} if values else {}
                else:
                    new[key] = complete(session, values)
        if new:
            taken = new.keys() - await insert(self._raw, table, await concealed(table, new))
            for key in await recorded_calls(self._raw, taken, self._sessions.values()):
                changed[key] = values_of(*owners[key])
            for key in taken - changed.keys():
                session, entity = owners.pop(key)
                del session.entities[kind, entity.name]
                self._problems.append(
                    f"A row of {table} with the key of {entity.name[:64]} is there already and is not of this"
                    " session; it was left as it is."
                )
        if changed:
            instances = [key for session in self._sessions.values() for key in session.instances]
            await patch(self._raw, table, await concealed(table, changed), instances)
        return set(owners)

    async def _store_worktrees(self) -> None:
        rows: dict[UUID, dict[str, Any]] = {}
        for session in self._sessions.values():
            for entity in session.of(Kind.WORKTREE):
                rows[session.row_key(entity)] = worktree_row(session, entity)
        if rows:
            await upsert(
                self._raw,
                "git_worktrees",
                await concealed("git_worktrees", rows),
                guard=self._guard("git_worktrees"),
            )

    async def _store_requests(self) -> None:
        rows: dict[UUID, dict[str, Any]] = {}
        for session in self._sessions.values():
            for entity in session.of(Kind.REQUEST):
                values = entity.values
                if entity.changed and "asked_at" in values:
                    rows[session.row_key(entity)] = {
                        "cc_instance_id": session.instance(str(values.get("agent") or "")),
                        "session_id": session.key,
                        "user_id": self._owner_id,
                        "tool_name": str(values.get("tool_name") or "?"),
                        "tool_input": values.get("tool_input"),
                        "suggestions": values.get("suggestions"),
                        "asked_at": moment_of(values["asked_at"]),
                    }
        if rows:
            await insert(self._raw, "cc_permission_requests", await concealed("cc_permission_requests", rows))

    async def _store_usage(self) -> None:
        by_claude_id = {session.claude_id: session for session in self._sessions.values()}
        told = [usage(by_claude_id[one.session], one) for one in self._spent if one.session in by_claude_id]
        told += self._used
        for start in range(0, len(told), MOST_ROWS):
            recorded = await store_usage(self._transaction, told[start : start + MOST_ROWS])
            if recorded.refused:
                self._problems.append(
                    f"The usage of {len(recorded.refused)} requests could not be stored:"
                    " its session or instance is not yours."
                )

    def _cutoffs(self) -> dict[UUID, int]:
        """The times when each instance's process was known to have ended, or to have begun anew."""
        found: dict[UUID, int] = {}
        for session in self._sessions.values():
            restarted = session.entity(Kind.INSTANCE).values.get("restarted") or 0
            for agent in session.agents:
                doing = self._doings[session.key, agent]
                gone = doing.since if doing is not None and doing.activity is CcActivity.GONE else 0
                if cutoff := max(gone, restarted):
                    found[session.instance(agent)] = cutoff
        return found

    def _untimed(self, calls: set[UUID]) -> list[UUID]:
        """The calls of which no source has told how long they took."""
        return [
            key
            for session in self._sessions.values()
            for entity in session.of(Kind.TOOL)
            if "execution_time_ms" not in entity.weights and (key := session.row_key(entity)) in calls
        ]

    def _guard(self, table: str) -> str:
        """SQL that is true for a row `known` of the table that the person may change."""
        principal = self._transaction.principal
        return "true" if principal.is_admin else changeable(table, "known", f"{int(principal.user_id)}::int")

    async def _release(self) -> None:
        """Queue again the tasks that instances had claimed which are gone."""
        gone = [
            self._sessions[key].instance(agent)
            for (key, agent), doing in self._doings.items()
            if doing is not None and doing.activity is CcActivity.GONE
        ]
        if gone:
            await release_claims(self._transaction.connection, gone)

    def _told(self) -> list[tuple[UUID, str, UUID, str, Provenance]]:
        """The facts that later batches need."""
        return [
            session.remembered(entity)
            for session in self._sessions.values()
            for entity in session.entities.values()
            if entity.changed
        ]
