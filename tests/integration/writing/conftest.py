"""A project with an owner, an editor, a viewer, a stranger, and an instance to write about."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from services.database import Database
from services.principal import Principal
from tests.integration.writing.asking import Caller
from tests.support.factories import AnyRow, make_instance, make_project, make_user


@dataclass(frozen=True, slots=True)
class Scene:
    """Who may do what: `owner` and `editor` change, `viewer` looks, `stranger` knows of nothing."""

    owner: Principal
    editor: Principal
    viewer: Principal
    stranger: Principal
    administrator: Principal
    project: AnyRow
    instance_id: UUID


@pytest.fixture
async def scene(database: Database) -> Scene:
    """The cast of most tests."""
    async with database.writer.begin() as connection:
        users = [await make_user(connection) for _ in range(4)]
        administrator = await make_user(connection, is_admin=True)
        owner, editor, viewer, stranger = (Principal(user.id, user.username, False) for user in users)
        project = await make_project(
            connection,
            owner_id=owner.user_id,
            collaborators=[
                {"user_id": editor.user_id, "role": "editor"},
                {"user_id": viewer.user_id, "role": "viewer"},
            ],
        )
        instance = await make_instance(connection, project_id=project.project_id)
    return Scene(
        owner,
        editor,
        viewer,
        stranger,
        Principal(administrator.id, administrator.username, True),
        project,
        instance.id,
    )


@pytest.fixture
def caller(database: Database) -> Caller:
    """Mutations on the test's database."""
    return Caller(database)
