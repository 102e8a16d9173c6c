"""Who changes which column of which table: every one of them tried by people of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Uuid, text

from models.policy import RULES, visible
from services.core.database import Database, WriteConnection
from services.core.errors import DomainError, Forbidden, NotFound
from services.core.principal import Principal
from services.writing.declaration import WritableColumn
from services.writing.guests import open_to_guests
from services.writing.rows import create, delete, update
from services.writing.tables import TABLES
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene, World
from tests.support.acting import inside
from tests.support.factories import (
    AnyRow,
    make_collaboration_session,
    make_participant,
    make_project,
    make_user,
    make_worktree,
)

GUESTS = ("read_only", "edit", "full_control")

BY_EDITORS = {
    *("cc_instances", "tasks", "git_worktrees", "requirements", "features", "websocket_notifications"),
    *("mcp_tool_calls", "ultrathink_messages", "task_dependencies"),
}
"""The tables of which an editor of the project changes and deletes rows (docs/security.md)."""

BY_GUESTS = {
    "sessions": {"name", "description", "working_directory", "context_data", "total_tokens_used"},
}
"""What guests with EDIT or FULL_CONTROL change. They delete nothing."""

BY_ADMINISTRATORS = {"system_settings"}

ROLES = (
    *("owner", "editor", "viewer", "stranger", "administrator"),
    *(f"guest with {mode}" for mode in GUESTS),
)
UPDATED = [name for name, table in TABLES.items() if not table.append_only]


@dataclass(frozen=True, slots=True)
class Stage:
    """The scene's people and guests of every kind, and what a caller may point references to."""

    world: World
    people: dict[str, Principal]
    own_projects: dict[str, AnyRow]
    own_worktrees: dict[str, AnyRow]


@pytest.fixture
async def stage(database: Database, world: World) -> Stage:
    """Everything of the world is the owner's; each other person has a project and a worktree."""
    scene = world.scene
    people = {
        "owner": scene.owner,
        "editor": scene.editor,
        "viewer": scene.viewer,
        "stranger": scene.stranger,
        "administrator": scene.administrator,
    }
    async with database.writer.begin() as connection:
        for mode in GUESTS:
            guest = await make_user(connection)
            people[f"guest with {mode}"] = Principal(guest.id, guest.username, False)
        projects = {
            role: await make_project(connection, owner_id=person.user_id) for role, person in people.items()
        }
        worktrees = {
            role: await make_worktree(connection, user_id=person.user_id) for role, person in people.items()
        }
    return Stage(world, people, projects, worktrees)


async def row_of(connection: WriteConnection, stage: Stage, table: str) -> Any:
    """The key of a row of the owner, which guests of every kind take part in where it is a session."""
    given = dict(stage.world[table])
    if table == "websocket_notifications":
        given = {**given, "project_id": stage.world.scene.project.project_id, "socket_id": None}
    author = "administrator" if table in BY_ADMINISTRATORS else "owner"
    key = await create(inside(connection, stage.people[author]), table, given)
    if table == "sessions":
        found = await connection.execute(text("SELECT session_id FROM sessions WHERE id = :id"), {"id": key})
        session_id = found.scalar_one()
        for mode in GUESTS:
            shared = await make_collaboration_session(
                connection,
                session_id=session_id,
                host_user_id=stage.people["owner"].user_id,
                share_mode=mode,
            )
            await make_participant(
                connection,
                collaboration_session_id=shared.id,
                user_id=stage.people[f"guest with {mode}"].user_id,
            )
    return key


def may(role: str, table: str, column: str | None) -> bool:
    """Whether a person of this kind changes the column, or with None deletes the row, by the documents."""
    if role == "administrator":
        return True
    if table in BY_ADMINISTRATORS:
        return False
    if role == "owner":
        return True
    if role == "editor":
        return table in BY_EDITORS
    if role in ("guest with edit", "guest with full_control"):
        return column in BY_GUESTS.get(table, set())
    return False


def values(stage: Stage, role: str, table: str, column: WritableColumn) -> Iterator[Any]:
    """Values for a column: empty, what is the caller's own, every choice, something of its type."""
    stored = column.column
    if stored.nullable:
        yield None
    for key in stored.foreign_keys:
        match key.column.table.name:
            case "projects" if isinstance(stored.type, Uuid):
                yield stage.own_projects[role].project_id
            case "projects":
                yield stage.own_projects[role].id
            case "worktrees":
                yield stage.own_worktrees[role].worktree_id
            case _:
                return
        return
    choices: type[StrEnum] | None = getattr(stored.type, "enum_class", None)
    if choices is not None:
        yield from choices
    else:
        yield {
            "bool": True,
            "int": 2,
            "float": 2.0,
            "str": "東京",
            "dict": {"keywords": ["x"]} if column.name == "filter_rules" else {},
            "list": [],
        }.get(stored.type.python_type.__name__, "2999-01-01T00:00:00Z")


@pytest.mark.parametrize("table", UPDATED)
async def test_every_column_is_changed_by_those_who_may_and_by_nobody_else(
    database: Database, stage: Stage, table: str
) -> None:
    tried = 0
    for role in ROLES:
        for column in TABLES[table].columns.values():
            if not column.on_update or column.is_secret:
                continue
            for value in values(stage, role, table, column):
                told = f"{role}: {table}.{column.name} = {value!r}"
                allowed = may(role, table, column.name)
                tried += 1
                async with database.writer.connect() as opened:
                    connection = WriteConnection(opened)  # what it did is rolled back as it closes
                    key = await row_of(connection, stage, table)
                    before = await seen_by(connection, stage, table, key)
                    outcome: object = None
                    try:
                        await update(inside(connection, stage.people[role]), table, key, {column.name: value})
                    except DomainError as refusal:
                        outcome = refusal
                    if not isinstance(outcome, Forbidden | NotFound):
                        assert allowed, told
                    elif not column.column.foreign_keys:  # their targets are refused to the owner, too
                        assert not allowed, f"{told}: {outcome}"
                    if outcome is None and role not in ("owner", "administrator"):
                        assert await seen_by(connection, stage, table, key) == before, told
    assert tried >= len(ROLES)


@pytest.mark.parametrize("table", UPDATED)
async def test_every_row_is_deleted_by_those_who_may_and_by_nobody_else(
    database: Database, stage: Stage, table: str
) -> None:
    for role in ROLES:
        async with database.writer.connect() as opened:
            connection = WriteConnection(opened)  # what it did is rolled back as it closes
            key = await row_of(connection, stage, table)
            try:
                await delete(inside(connection, stage.people[role]), table, key)
            except (Forbidden, NotFound):
                assert not may(role, table, None), role
            else:
                assert may(role, table, None), role


async def seen_by(connection: WriteConnection, stage: Stage, table: str, key: Any) -> dict[str, bool]:
    """Which of the people see the row."""
    name, seen = TABLES[table].key.name, {}
    for role, person in stage.people.items():
        found = await connection.exec_driver_sql(
            f"SELECT 1 FROM {table} t WHERE t.{name} = $1 AND $2::int IS NOT NULL"
            f" AND {visible(table, 't', '$2::int')}",
            (key, person.user_id),
        )
        seen[role] = found.first() is not None
    return seen


def test_no_column_that_decides_refers_or_has_a_lifecycle_is_open_to_guests() -> None:
    for name, table in TABLES.items():
        marked = {column.name for column in table.table.c if column.info.get("guests")}
        assert open_to_guests(name) == marked == BY_GUESTS.get(name, set())
        assert not any(table.table.c[column].foreign_keys for column in marked)
        assert not (table.lifecycle is not None and "status" in marked)
    assert not any(
        column.info.get("guests")
        for name in RULES
        if name not in TABLES
        for column in TABLES["sessions"].table.metadata.tables[name].c
    )


@pytest.mark.parametrize("mode", ["EDIT", "FULL_CONTROL"])
async def test_a_guest_neither_takes_a_session_over_nor_deletes_it(
    database: Database, scene: Scene, caller: Caller, mode: str
) -> None:
    guest = scene.stranger
    async with database.writer.begin() as connection:
        mine = await make_project(connection, owner_id=guest.user_id)
        shared = await make_collaboration_session(connection, share_mode=mode.lower())
        await make_participant(connection, collaboration_session_id=shared.id, user_id=guest.user_id)
        found = await connection.execute(
            text("SELECT * FROM sessions WHERE session_id = :id"), {"id": shared.session_id}
        )
        session = found.one()
    one, some = mutation("updateSession"), mutation("updateSessions")
    where = {"where": {"id": {"eq": session.id}}}

    for field, value in (("projectId", mine.id), ("projectId", None), ("status", "STARTING")):
        patch = {"patch": {field: value}}
        refused = ("FORBIDDEN", f"input.patch.{field}")
        assert await caller.refusal(guest, one, input={"id": session.id, **patch}) == refused
        assert await caller.refusal(guest, some, input={**where, **patch}) == refused
    gone = await caller.refusal(guest, mutation("deleteSession"), input={"id": session.id})
    all_gone = await caller.refusal(guest, mutation("deleteSessions"), input=where)
    await caller.data(guest, one, input={"id": session.id, "patch": {"name": "共有"}})

    assert (gone, all_gone) == (("FORBIDDEN", "input.id"), ("FORBIDDEN", "input.id"))
    async with database.writer.connect() as connection:
        found = await connection.execute(text("SELECT * FROM sessions WHERE id = :id"), {"id": session.id})
        now = found.one()
    assert now.name == "共有"
    assert (now.project_id, now.status, now.user_id) == (session.project_id, session.status, session.user_id)
