"""Requirements and features go through their statuses one step at a time (terminal §7)."""

import pytest

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene
from tests.support.factories import make_feature, make_requirement

UPDATE = """mutation($id: UUID!, $status: {noun}Status!) {{
  update{noun}(input: {{id: $id, patch: {{status: $status}}}}) {{ {field} {{ status }} }}
}}"""


@pytest.mark.parametrize(
    ("noun", "steps", "too_far", "following"),
    [
        ("Requirement", ["APPROVED", "IMPLEMENTED", "TESTED"], "TESTED", "APPROVED"),
        ("Feature", ["DEVELOPMENT", "TESTING", "COMPLETED"], "COMPLETED", "DEVELOPMENT"),
    ],
)
async def test_each_step_is_taken_and_none_is_skipped(
    database: Database,
    scene: Scene,
    caller: Caller,
    noun: str,
    steps: list[str],
    too_far: str,
    following: str,
) -> None:
    factory = make_requirement if noun == "Requirement" else make_feature
    async with database.writer.begin() as connection:
        made = await factory(connection, project_id=scene.project.project_id)
    document = UPDATE.format(noun=noun, field=noun.lower())

    response = await caller.response(scene.editor, document, id=made.id, status=too_far)
    (error,) = response["errors"]
    taken = [await caller.data(scene.editor, document, id=made.id, status=step) for step in steps]

    assert error["extensions"]["code"] == "CONFLICT"
    assert error["extensions"]["field"] == "input.patch.status"
    assert f"can become {following}, not {too_far}" in error["message"]
    assert [data[f"update{noun}"][noun.lower()]["status"] for data in taken] == steps
