"""Finds a person's sessions with lines of a conversation in common, and which has the row of each line.

A fork begins with the lines of another session: the same ids and times under a session id of its own. A line
says at times of which session it is (`forkedFrom`, `requestSessionId`); else two sessions are kin when they
tell the same line. Only sessions of one person are ever compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final
from uuid import UUID

from services.core.database import Connection
from services.fleet.entities import Entity
from services.fleet.facts import COPIED, Kind
from services.fleet.sessions import Told
from services.fleet.telling import fork_of

MOST_KIN: Final = 200
"""Sessions of one batch, and those they have lines in common with, that are compared."""

_MARKING: Final = (Kind.SPENT, Kind.LOG)
"""Things by whose lines sessions are found to be kin."""

_KIN: Final = """
SELECT p.session_id, s.claude_session_id, p.told #>> '{line,1}' AS line
FROM cc_provenance p JOIN sessions s ON s.session_id = p.session_id
WHERE s.user_id = $1 AND p.kind IN ('kin', 'log', 'spent') AND p.told #>> '{line,1}' = ANY($2::text[])
UNION
SELECT s.session_id, s.claude_session_id, s.claude_session_id
FROM sessions s WHERE s.user_id = $1 AND s.claude_session_id = ANY($3::text[])
"""

_SHARED: Final = """
SELECT kind, name FROM cc_provenance WHERE session_id = ANY($1::uuid[]) AND kind = ANY($2::text[])
GROUP BY kind, name HAVING count(*) > 1
"""

Pair = frozenset[UUID]
Thing = tuple[Kind, str]


@dataclass(slots=True)
class Kin:
    """Sessions of a batch that are kin, by their keys, and those of whose kinship more is known now."""

    pairs: set[Pair] = field(default_factory=set)
    fresh: set[UUID] = field(default_factory=set)

    def are(self, one: Told, other: Told) -> bool:
        """True if two sessions are kin."""
        return frozenset((one.key, other.key)) in self.pairs

    @property
    def keys(self) -> set[UUID]:
        """The keys of all that have kin."""
        return {key for pair in self.pairs for key in pair}


def _marks(session: Told) -> set[str]:
    """The lines by which sessions are found that have them in common with this one."""
    told = {
        str(entity.values["line"])
        for kind in _MARKING
        for entity in [one for (known, _), one in session.entities.items() if known is kind]
        if "line" in entity.changed and "line" in entity.values
    }
    return told | {fork_of(session.claude_id)}


def _origins(session: Told) -> set[str]:
    """Claude's ids of its kin, as far as it knows of them."""
    return {entity.name for entity in session.of(Kind.KIN)}


@dataclass(frozen=True, slots=True)
class Found:
    """The person's sessions by the lines that they tell: `lines` by key, and Claude's ids of all of them."""

    names: Mapping[UUID, str]
    lines: Sequence[tuple[UUID, str]]


async def find(raw: Connection, owner_id: int, sessions: Mapping[UUID, Told]) -> Found:
    """The person's sessions that tell lines of those of a batch, these among them."""
    marks = {mark for session in sessions.values() for mark in _marks(session)}
    origins = {name[:64] for session in sessions.values() for name in _origins(session)}
    rows = await raw.fetch(_KIN, owner_id, sorted(marks), sorted(origins))
    names = {row["session_id"]: row["claude_session_id"] or "" for row in rows}
    others = sorted(names.keys() - sessions.keys())[:MOST_KIN]
    kept = {key: name for key, name in names.items() if key in sessions or key in others}
    return Found(kept, [(row["session_id"], row["line"]) for row in rows if row["session_id"] in kept])


def related(sessions: Mapping[UUID, Told], lines: Iterable[tuple[UUID, str]]) -> Kin:
    """The sessions that are kin, by what is told now and by the stored `lines`, as `find` gives them.

    Each of a pair notes the other one.
    """
    kin = Kin()
    of_line: dict[str, set[UUID]] = {}
    for key, line in lines:
        if key in sessions:
            of_line.setdefault(line, set()).add(key)
    for session in sessions.values():
        for mark in _marks(session):
            of_line.setdefault(mark, set()).add(session.key)
    by_name = {session.claude_id[:64]: session.key for session in sessions.values()}
    for session in sessions.values():
        for name in _origins(session):
            if (other := by_name.get(name[:64], session.key)) != session.key:
                kin.pairs.add(frozenset((session.key, other)))
    for keys in of_line.values():
        kin.pairs |= {frozenset(pair) for pair in combinations(sorted(keys), 2)}
    for one, other in ((one, other) for pair in kin.pairs for one, other in _both(pair)):
        told, of_other = sessions[one], sessions[other]
        entity = told.entities.get((Kind.KIN, of_other.claude_id))
        if entity is None:
            entity = told.entity(Kind.KIN, of_other.claude_id)
            entity.changed.add("row")
        began = told.entity(Kind.SESSION).changed & {"born", "forked", "started"}
        if entity.changed or began:
            kin.fresh |= {one, other}
    return kin


def _both(pair: Pair) -> list[tuple[UUID, UUID]]:
    one, other = sorted(pair)
    return [(one, other), (other, one)]


async def shared(raw: Connection, kin: Kin, sessions: Mapping[UUID, Told]) -> set[Thing]:
    """The things of which kin may both have told: those of this batch, and all where the kinship is new."""
    things = {
        (entity.kind, entity.name)
        for key in kin.keys
        for entity in sessions[key].entities.values()
        if entity.changed and is_copied(entity)
    }
    if kin.fresh:
        rows = await raw.fetch(_SHARED, sorted(kin.keys), [kind.value for kind in COPIED])
        things |= {(Kind(row["kind"]), row["name"]) for row in rows if row["name"]}
    return things


def is_copied(entity: Entity) -> bool:
    """True if the entity is of a kind that a fork repeats."""
    return entity.kind in COPIED and bool(entity.name)


def clusters(
    thing: Thing, kin: Kin, sessions: Mapping[UUID, Told]
) -> Iterable[tuple[tuple[Told, Entity], Sequence[tuple[Told, Entity]]]]:
    """Sessions that tell of the same thing: the one that has its row, and the others."""
    told = [
        (session, entity)
        for key in kin.keys
        if (entity := (session := sessions[key]).entities.get(thing)) is not None
    ]
    left = sorted(told, key=lambda one: _rank(*one))
    while left:
        first, *others = left
        copies = [one for one in others if kin.are(first[0], one[0]) and _are_one(first, one)]
        yield first, copies
        left = [one for one in others if one not in copies]


def _rank(session: Told, entity: Entity) -> tuple[bool, tuple[bool, int, str]]:
    """The least has the row: one that is told to be repeated comes last."""
    origin = entity.values.get("origin")
    return origin is not None and origin != session.claude_id, rank(session)


def rank(session: Told) -> tuple[bool, int, str]:
    """The least is the one that others repeat: none that is a fork, else the one that began first."""
    about = session.entity(Kind.SESSION).values
    began = about.get("born", about.get("started"))
    return session.is_fork, 2**63 if began is None else int(began), str(session.key)


def _are_one(first: tuple[Told, Entity], other: tuple[Told, Entity]) -> bool:
    """True if two sessions that are kin tell of one thing by the same line.

    Ids of agents are of one conversation alone; those of tools and requests do not say so. Where one of them
    has not told the line, the other one's must say of which session it is.
    """
    (one_session, one), (session, entity) = first, other
    if one.kind is Kind.INSTANCE:
        return True
    lines = [told.values.get("line") for told in (one, entity)]
    if None not in lines:
        return lines[0] == lines[1]
    if lines == [None, None]:
        return False
    if one.kind is Kind.LOG:
        return True
    return (
        entity.values.get("origin") == one_session.claude_id or one.values.get("origin") == session.claude_id
    )
