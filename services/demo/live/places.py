"""Projects of a live demo fleet: its own ones in a database that holds the demo, and in no other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from models.enums import CcInstanceStatus, SessionStatus, TaskStatus, UltrathinkStatus, listed
from services.core.database import Database
from services.core.errors import Conflict
from services.core.json_codec import read_stored
from services.core.principal import Origin, Principal
from services.demo.loading import MARK
from services.demo.people import ADMINISTRATOR, DEMO_USER
from services.demo.seeded_random import Chance
from services.demo.words import KINDS, PLACES, SUBJECTS, Kind, Language, Phrase, Subject
from services.instances import instances, ultrathink
from services.instances.permission_waits import PermissionWaits
from services.secrets.vault import Vault
from services.writing.action import Action
from services.writing.creating import create_row
from services.writing.ended_instances import let_go
from services.writing.lifecycles import ALIVE
from services.writing.table_actions import update_row

AGENT: Final = "ccgraph demo --live"
"""The client that the audit trail names."""

_KEYS: Final = UUID("3f8f0a2e-54a1-5f6b-9d1f-2f6f7a1c9d10")

_OWNERS: Final = (DEMO_USER, DEMO_USER, DEMO_USER, None)
"""Whose the projects are; None is the first other person."""

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja", "en", "ja")

_PEOPLE: Final = "SELECT id, username, is_admin FROM users WHERE is_active ORDER BY id"

_STATES: Final = "SELECT id, project_id, status FROM projects WHERE project_id = ANY($1::uuid[])"

# What nothing has run behind has never sent a sign of life.
_OF_THE_YEAR: Final = f"""
SELECT id FROM cc_instances
WHERE status IN ({listed(ALIVE)}) AND last_heartbeat IS NULL AND created_at <= $1::timestamptz
  AND startup_command = 'claude --mcp-config mcp.json'
ORDER BY created_at
"""

_HELD: Final = """
SELECT id FROM tasks WHERE status = 'RUNNING' AND assigned_to = ANY($1::uuid[]) AND lease_expires_at IS NULL
"""

_ROOTS: Final = f"""
SELECT id FROM cc_instances AS t
WHERE project_id = ANY($1::uuid[]) AND status <> '{CcInstanceStatus.STOPPED.value}' AND NOT EXISTS (
    SELECT FROM cc_instances AS above
    WHERE above.id = t.parent_instance_id AND above.status <> '{CcInstanceStatus.STOPPED.value}')
ORDER BY created_at
"""

_HOLDERS: Final = """
SELECT instance.id FROM cc_instances AS instance
WHERE instance.project_id = ANY($1::uuid[]) AND (
    EXISTS (SELECT FROM mcp_tool_calls AS call
            WHERE call.cc_instance_id = instance.id AND call.status IN ('pending', 'running'))
    OR EXISTS (SELECT FROM cc_permission_requests AS request
               WHERE request.cc_instance_id = instance.id AND request.decision IS NULL)
    OR EXISTS (SELECT FROM tasks WHERE tasks.assigned_to = instance.id AND tasks.status = 'RUNNING'))
"""

_OPEN_INSTRUCTIONS: Final = """
SELECT message.id
FROM ultrathink_messages AS message JOIN cc_instances AS child ON child.id = message.child_instance_id
WHERE child.project_id = ANY($1::uuid[]) AND message.status NOT IN ('completed', 'failed')
"""

_OPEN_SESSIONS: Final = """
SELECT session.id FROM sessions AS session JOIN projects ON projects.id = session.project_id
WHERE projects.project_id = ANY($1::uuid[]) AND session.status IN ('starting', 'running')
"""


class NotTheDemo(Conflict):
    """The database holds something else, which is not played with."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo that was loaded: its seed, and when its year ended."""

    seed: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Means:
    """The means of the fleet: use cases in a person's name. `now` gives the time of what happens."""

    database: Database
    vault: Vault
    waits: PermissionWaits
    now: Callable[[], datetime]

    def action(self, person: Principal, name: str) -> Action:
        """An action of a person's, by the name of the mutation that does the same."""
        return Action(self.database, person, Origin(user_agent=AGENT), name, self.vault)

    async def rows(self, sql: str, *parameters: object) -> Sequence[Mapping[str, Any]]:
        """The rows of one statement that changes nothing."""
        async with self.database.primary.acquire() as connection:
            return [dict(row) for row in await connection.fetch(sql, *parameters)]

    async def keys(self, sql: str, *parameters: object) -> list[Any]:
        """The ids that one statement gives."""
        return [row["id"] for row in await self.rows(sql, *parameters)]


@dataclass(frozen=True, slots=True)
class LivePlace:
    """A project of the fleet's own. `number` is its integer key."""

    project_id: UUID
    number: int
    owner: Principal
    subject: Subject
    place: Phrase
    kind: Kind
    language: Language

    @property
    def directory(self) -> str:
        """The path of its main checkout."""
        return f"/srv/projects/{self.subject.slug}-live"

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of its files."""
        modules = [thing.en for thing in self.subject.things]
        return tuple(path.format(module=module) for path in self.kind.paths for module in modules)

    def say(self, phrase: Phrase, **values: object) -> str:
        """A phrase about this project, in its language."""
        first, second = (thing.say(self.language) for thing in self.subject.things)
        named = {"first": first, "second": second, "place": self.place.say(self.language)}
        return phrase.say(self.language, **named, **values)


async def require_demo(database: Database) -> Demo:
    """The demo that was loaded into this database.

    Raises: NotTheDemo.
    """
    async with database.primary.acquire() as connection:
        stored = await connection.fetchval(
            "SELECT setting_value::text FROM system_settings WHERE setting_key = $1", MARK
        )
    if stored is None:
        raise NotTheDemo(
            "This database does not hold the demo, or holds that of an earlier release, and a live demo "
            "runs on no other data. Nothing was changed. Give an empty database (DATABASE_URL) or "
            "data directory (CCGRAPH_DATA_DIR)."
        )
    loaded = read_stored(stored)
    return Demo(int(loaded["seed"]), datetime.fromisoformat(loaded["until"]))


async def prepare(means: Means, demo: Demo) -> list[LivePlace]:
    """End what an earlier play and the loaded year have left, and give the projects of this one.

    A project that a person has archived is left out; one that was deleted is made anew.
    """
    people = [Principal(row["id"], row["username"], row["is_admin"]) for row in await means.rows(_PEOPLE)]
    await _end_the_year(means, demo, people)
    places = await _places(means, demo, people)
    await end_what_is_open(means, places)
    return places


async def end_what_is_open(means: Means, places: Sequence[LivePlace]) -> None:
    """Bring to an end what is under way in these projects: instances, calls, instructions, sessions.

    Claimed tasks are queued again, permissions that are asked for lapse.
    """
    for place in places:
        of_place = [place.project_id]
        owner = place.owner
        for key in await means.keys(_ROOTS, of_place):
            await instances.terminate(means.action(owner, "terminateCcInstance"), key, exit_code=143)
        holders = await means.keys(_HOLDERS, of_place)
        if holders:
            await _let_go(means.action(owner, "terminateCcInstance"), holders)
        for key in await means.keys(_OPEN_INSTRUCTIONS, of_place):
            await ultrathink.advance(
                means.action(owner, "failUltrathinkMessage"), key, UltrathinkStatus.FAILED
            )
        for key in await means.keys(_OPEN_SESSIONS, of_place):
            await update_row(
                means.action(owner, "updateSession"), "sessions", key, {"status": SessionStatus.STOPPED}
            )


async def _let_go(action: Action, instance_ids: Sequence[UUID]) -> None:
    """End what instances that have stopped still hold."""
    async with action.transaction() as transaction:
        await let_go(transaction.connection, instance_ids)


async def _end_the_year(means: Means, demo: Demo, people: Sequence[Principal]) -> None:
    """Stop the instances that the loaded year left at work, and queue their tasks."""
    administrator = next((person for person in people if person.username == ADMINISTRATOR), None)
    if administrator is None:
        return
    stopped: list[UUID] = []
    for key in await means.keys(_OF_THE_YEAR, demo.until):
        if key not in stopped:
            stopped += await instances.terminate(
                means.action(administrator, "terminateCcInstance"), key, exit_code=0
            )
    if stopped:
        await _let_go(means.action(administrator, "terminateCcInstance"), stopped)
    for key in await means.keys(_HELD, stopped):
        await update_row(
            means.action(administrator, "updateTask"), "tasks", key, {"status": TaskStatus.QUEUED}
        )


async def _places(means: Means, demo: Demo, people: Sequence[Principal]) -> list[LivePlace]:
    named = {person.username: person for person in people}
    others = [person for person in people if person.username not in (ADMINISTRATOR, DEMO_USER)]
    found = []
    for position, (username, language) in enumerate(zip(_OWNERS, _LANGUAGES, strict=True)):
        owner = named.get(username) if username else next(iter(others), None)
        if owner is not None:
            place = await _place(means, demo, position, owner, language)
            if place is not None:
                found.append(place)
    return found


async def _place(
    means: Means, demo: Demo, position: int, owner: Principal, language: Language
) -> LivePlace | None:
    chance = Chance(demo.seed, "live", position)
    subject = SUBJECTS[(chance.below(4) + 4 * position) % len(SUBJECTS)]
    place, kind = chance.pick(PLACES), chance.pick(KINDS[:5])
    project_id = uuid5(_KEYS, f"{demo.seed} {position}")
    known = {row["project_id"]: row for row in await means.rows(_STATES, [project_id])}
    if project_id not in known:
        name = " ".join(part.say(language) for part in (place, subject.name, kind.name))
        await create_row(
            means.action(owner, "createProject"),
            "projects",
            {
                "project_id": project_id,
                "name": name,
                "description": Phrase("Played by ccgraph demo --live", "ccgraph demo --live が動かす").say(
                    language
                ),
                "project_type": kind.project_type,
                "tech_stack": list(kind.tech_stack),
                "local_path": f"/srv/projects/{subject.slug}-live",
                "hold_permission_requests": True,
            },
        )
        known = {row["project_id"]: row for row in await means.rows(_STATES, [project_id])}
    row = known[project_id]
    if row["status"] == "archived":
        return None
    return LivePlace(project_id, row["id"], owner, subject, place, kind, language)
