"""Finds prompts of a fork that are repeated from another session, although they have an id of the fork.

A fork gives the id of its first own prompt to all prompts that it repeats. The last line with the id counts,
which is its own prompt; but a command, a skill or a fork that was ended at once writes no such line.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from services.core.database import Connection
from services.fleet.entities import Entity
from services.fleet.facts import Kind, Witness
from services.fleet.kinship import Kin, rank
from services.fleet.precedence import FIELDS, REPEATED, Best, digest
from services.fleet.sessions import Told
from services.fleet.telling import is_told_by_prompt

_TOLD: Final = """
SELECT session_id, name, told #>> '{line,1}' AS line FROM cc_provenance
WHERE session_id = ANY($1::uuid[]) AND kind = 'log' AND told #>> '{line,1}' = ANY($2::text[])
"""

_OF_SESSIONS: Final = """
SELECT name FROM cc_provenance
WHERE session_id = ANY($1::uuid[]) AND kind = 'log' AND (name LIKE 'prompt %' OR name LIKE 'mode %')
"""


def _prompts(session: Told) -> list[Entity]:
    return [
        entity
        for (kind, name), entity in session.entities.items()
        if kind is Kind.LOG and is_told_by_prompt(name)
    ]


def _line(entity: Entity) -> str | None:
    line = entity.values.get("line")
    return None if line is None else str(line)


async def concerned(raw: Connection, kin: Kin, sessions: Mapping[UUID, Told]) -> set[tuple[Kind, str]]:
    """Prompts of kin that this batch may show to be repeated.

    They are those whose line it tells, and those of forks of whose kinship more is known now.
    """
    lines = {
        line
        for key in kin.keys
        for entity in _prompts(sessions[key])
        if entity.changed and (line := _line(entity)) is not None
    }
    found = set()
    if lines:
        found |= {row["name"] for row in await raw.fetch(_TOLD, sorted(kin.keys), sorted(lines))}
    if forks := sorted(key for key in kin.fresh if sessions[key].is_fork):
        found |= {row["name"] for row in await raw.fetch(_OF_SESSIONS, forks)}
    return {(Kind.LOG, name) for name in found if is_told_by_prompt(name)}


class Repetitions:
    """The sessions that tell the lines of prompts, and from where kin repeat them."""

    def __init__(self, kin: Kin, sessions: Mapping[UUID, Told]) -> None:
        self._kin = kin
        self._sessions = sessions
        self._tellers: dict[str, set[UUID]] = {}

    async def read(self, raw: Connection) -> None:
        """Find out who tells the lines of the prompts that the sessions have now."""
        for key in self._kin.keys:
            for entity in _prompts(self._sessions[key]):
                if (line := _line(entity)) is not None:
                    self._tellers.setdefault(line, set()).add(key)
        if self._tellers:
            for row in await raw.fetch(_TOLD, sorted(self._kin.keys), sorted(self._tellers)):
                session = self._sessions[row["session_id"]]
                # One that this batch has changed tells another line by now.
                if (Kind.LOG, row["name"]) not in session.entities:
                    self._tellers[row["line"]].add(session.key)

    def found(self) -> Iterable[tuple[Told, Entity, Told | None]]:
        """Each prompt with its session, and the session that it is repeated from, if it is."""
        for key in self._kin.keys:
            session = self._sessions[key]
            for entity in _prompts(session):
                yield session, entity, self._source(session, entity)

    def _source(self, session: Told, entity: Entity) -> Told | None:
        line = _line(entity)
        if line is None:
            return None
        said_at = entity.weights["line"][1]
        sources = [
            other
            for key in self._kin.keys
            if self._kin.are(session, other := self._sessions[key])
            and (self._goes_on_after(session, other, said_at) or self._was_first(session, other, line))
        ]
        return min(sources, key=rank, default=None)

    @staticmethod
    def _goes_on_after(session: Told, other: Told, said_at: int) -> bool:
        """True if lines follow that the session repeats from the other one."""
        known = session.entities.get((Kind.KIN, other.claude_id))
        until = None if known is None else known.values.get("until")
        return until is not None and said_at <= int(until)

    def _was_first(self, session: Told, other: Told, line: str) -> bool:
        return other.key in self._tellers.get(line, ()) and rank(other) < rank(session)


def is_own(entity: Entity) -> bool:
    """True if a hook has told of the prompt, which it does in the session of the prompt alone."""
    weight = entity.weights.get("message")
    choice = FIELDS[Kind.LOG]["message"]
    return weight is not None and isinstance(choice, Best) and weight[0] == choice.rank(Witness.HOOK)


def keep_own(entity: Entity) -> None:
    """Let what the hook has told stand against what the repeated line says of another prompt."""
    _, bounded, told, _ = (abs(part) for part in entity.weights["message"])
    for name, choice in FIELDS[Kind.LOG].items():
        weight = entity.weights.get(name)
        if name in REPEATED or weight is None or not isinstance(choice, Best):
            continue
        if weight[0] == choice.rank(Witness.TRANSCRIPT):
            same = digest(told) if name == "created_at" else weight[-1]
            entity.weights[name] = choice.weight_of(Witness.HOOK, bounded, told, same)
            if name == "created_at":
                entity.values[name] = told
                entity.changed.add(name)
