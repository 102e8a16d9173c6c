"""A small random world: rows in every table, with NULLs, ties and relations across owners."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from gql.planner.column_types import ColumnType, kind_of
from models.policy import RULES

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = ("alpha", "Beta", "東京", "京都 test", "a_b%c", 'quote "\\" here', "", "ほげ\nfuga", "zz", "É")
JSONS: tuple[Any, ...] = (
    {},
    {"a": 1},
    {"a": "x", "b": [1, 2]},
    {"a": None},
    {"b": {"c": 2.5}},
    {"a": 3},
    {"a": True},
)
NULLS = 0.25
"""The share of values that are NULL where they may be."""

KeyColumns = dict[tuple[str, str], list[Any]]


async def make_world(connection: AsyncConnection, seed: int, rows: int = 9) -> None:
    """Fill every table of the API with about `rows` rows. The same seed makes the same world."""
    chance = random.Random(seed)
    keys: KeyColumns = {}
    for table in models.metadata.sorted_tables:
        if table.name in RULES and not table.info.get("view"):
            for number in range(rows):
                await _insert(connection, table, number, keys, chance)


async def _insert(
    connection: AsyncConnection, table: Table, number: int, keys: KeyColumns, chance: random.Random
) -> None:
    values = {column.name: _value(column, number, keys, chance) for column in table.columns}
    values = {name: value for name, value in values.items() if value is not ...}
    _mend(table.name, values, number, chance)
    # Whatever is unique may meet its like; then there is a row less.
    statement = insert(table).values(values).on_conflict_do_nothing().returning(*table.columns)
    row = (await connection.execute(statement)).one_or_none()
    if row is not None:
        for name, value in row._mapping.items():
            keys.setdefault((table.name, name), []).append(value)


def _value(column: Column[Any], number: int, keys: KeyColumns, chance: random.Random) -> Any:
    """A value, or ... to leave the column to its default."""
    if column.info.get("hidden") and (column.nullable or column.server_default is not None):
        return ...
    if column.identity is not None or (column.primary_key and column.server_default is not None):
        return (
            UUID(int=chance.getrandbits(128), version=4) if kind_of(column.type) is ColumnType.UUID else ...
        )
    if column.nullable and chance.random() < NULLS:
        return None
    for key in column.foreign_keys:
        found = keys.get((key.column.table.name, key.column.name))
        return chance.choice(found) if found else (None if column.nullable else ...)
    return _plain(column, number, chance)


def _plain(column: Column[Any], number: int, chance: random.Random) -> Any:
    choices = getattr(column.type, "enum_class", None)
    longest = getattr(column.type, "length", None) or 100
    if choices is not None:
        return chance.choice([member.value for member in choices if len(member.value) <= longest])
    unique = column.unique or column.name in ("container_id",)
    match kind_of(column.type):
        case ColumnType.INT:
            return chance.randint(1, 4)
        case ColumnType.BIGINT:
            return chance.choice((0, 1, 2**40, 2**62))
        case ColumnType.BOOLEAN:
            return chance.random() < 0.5
        case ColumnType.UUID:
            return UUID(int=chance.getrandbits(128), version=4)
        case ColumnType.DATETIME:
            return START + chance.choice((timedelta(), timedelta(hours=1), timedelta(days=2, microseconds=5)))
        case ColumnType.JSON:
            return chance.choice(JSONS)
        case ColumnType.ADDRESS:
            return chance.choice(("192.0.2.1", "2001:db8::1", "192.0.2.7"))
        case _:
            word = chance.choice(WORDS)
            return f"{word}{number}" if unique else word[:longest]


def _mend(table: str, values: dict[str, Any], number: int, chance: random.Random) -> None:
    """Change values so that the tables' own rules hold."""
    if table == "users":
        values |= {"username": f"person_{number}", "hashed_password": "x", "is_admin": number == 0}
        values["email"] = f"person{number}@example.com" if chance.random() < 0.8 else None
    if table in ("projects", "projects_archive"):
        people = chance.sample(range(1, 7), 2)
        values["collaborators"] = [{"user_id": people[0], "role": "editor"}, {"user_id": people[1]}][
            : number % 3
        ]
        values["is_public"] = number == 4
    if table == "project_invitations":
        values |= {"project_id": number % 5 + 1, "user_id": number % 6 + 1}  # each person once a project
    if table == "sessions":
        values["resource_limits"] = {"cpu_limit": number % 2}
        values["container_id"] = f"container-{number}"
    if table == "task_dependencies" and values["task_id"] == values["dependency_task_id"]:
        values["dependency_task_id"] = None
    if table == "worktrees":
        values |= {"repository_path": f"/srv/{number % 2}", "worktree_path": f"/wt/{number}"}
    if table == "cc_instances" and values["activity"] == "GONE":
        values["status"] = "STOPPED"
    if table == "cc_permission_requests":
        values["answered_at"] = None if values["decision"] is None else values["answered_at"] or START
    if table == "notification_history":
        values |= {"retry_count": number % 2, "max_retries": 3}
    if table == "collaboration_sessions":
        values["expires_at"] = chance.choice((None, START, datetime.now(UTC) + timedelta(days=1)))
