"""People of every kind that the rules of visibility know, added to a random world."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.factories import AnyRow, make_collaboration_session, make_participant, make_user

SOON = timedelta(days=1)


async def add_cast(connection: AsyncConnection, chance: random.Random) -> dict[str, AnyRow]:
    """The people by their kind. Whom something is shared with, it is a session of somebody else's."""
    closed = text("SELECT id FROM projects WHERE NOT is_public ORDER BY id")
    projects = list((await connection.execute(closed)).scalars())
    sessions = list(
        (await connection.execute(text("SELECT session_id FROM sessions ORDER BY created_at"))).scalars()
    )
    kinds = ("owner", "editor", "viewer", "guest", "late", "gone", "refused", "host", "stranger")
    people = {kind: await make_user(connection, username=kind) for kind in kinds}
    people["administrator"] = await make_user(connection, username="administrator", is_admin=True)
    people["deactivated"] = await make_user(connection, username="deactivated", is_active=False)
    await _own(connection, people["owner"], chance.choice(projects))
    for kind in ("editor", "viewer", "deactivated"):
        role = "viewer" if kind == "viewer" else "editor"
        await _collaborate(connection, people[kind], chance.choice(projects), {"role": role})
    states: list[tuple[str, dict[str, Any], str]] = [
        ("guest", {"expires_at": chance.choice([None, datetime.now(UTC) + SOON])}, "joined"),
        ("late", {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "joined"),
        ("gone", {}, "left"),
        ("refused", {}, "refused"),
    ]
    for kind, share, state in states:
        shared = await make_collaboration_session(
            connection, session_id=chance.choice(sessions), host_user_id=people["host"].id, **share
        )
        await make_participant(
            connection, collaboration_session_id=shared.id, user_id=people[kind].id, state=state
        )
    return people


async def _own(connection: AsyncConnection, person: AnyRow, project_id: int) -> None:
    await connection.execute(
        text("UPDATE projects SET owner_id = :owner WHERE id = :id"), {"owner": person.id, "id": project_id}
    )


async def _collaborate(
    connection: AsyncConnection, person: AnyRow, project_id: int, further: dict[str, str]
) -> None:
    await connection.execute(
        text(
            "UPDATE projects SET collaborators = COALESCE(collaborators, '[]')"
            " || jsonb_build_object('user_id', CAST(:person AS int), 'role', CAST(:role AS text))"
            " WHERE id = :id"
        ),
        {"person": person.id, "id": project_id, **further},
    )
