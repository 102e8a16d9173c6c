"""Sessions start, stop and fail along the documented statuses, by those who may."""

from typing import Any

import pytest
from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene
from tests.support.factories import AnyRow, make_collaboration_session, make_participant, make_session

START = "mutation($input: StartSessionInput!) { startSession(input: $input) { session { status } } }"
STOP = "mutation($input: StopSessionInput!) { stopSession(input: $input) { session { status } } }"
FAIL = "mutation($input: FailSessionInput!) { failSession(input: $input) { session { status } } }"
TOUCH = "mutation($input: TouchSessionInput!) { touchSession(input: $input) { session { lastAccessed } } }"


@pytest.fixture
async def session(database: Database, scene: Scene) -> AnyRow:
    """A stopped session of the owner, last used a year ago."""
    async with database.writer.begin() as connection:
        made = await make_session(connection, user_id=scene.owner.user_id, project_id=scene.project.id)
        await connection.execute(text("UPDATE sessions SET last_accessed = now() - interval '1 year'"))
    return made


async def stored(database: Database, session: AnyRow) -> AnyRow:
    async with database.writer.connect() as connection:
        result = await connection.execute(text("SELECT * FROM sessions WHERE id = :id"), {"id": session.id})
        return result.one()


async def test_a_session_goes_up_and_down_and_up_again_after_an_error(
    scene: Scene, caller: Caller, session: AnyRow
) -> None:
    seen = []
    steps: list[tuple[str, dict[str, Any]]] = [
        (START, {"containerId": "c-1"}),
        (START, {"isUp": True, "claudeSessionId": "abc"}),
        (STOP, {"isDown": False}),
        (STOP, {}),
        (START, {}),
        (FAIL, {"reason": "out of memory"}),
        (START, {}),
    ]
    for document, further in steps:
        data = await caller.data(scene.owner, document, input={"id": session.id, **further})
        seen += [payload["session"]["status"] for payload in data.values()]

    assert seen == ["STARTING", "RUNNING", "STOPPING", "STOPPED", "STARTING", "ERROR", "STARTING"]


async def test_starting_notes_the_use_and_what_is_known(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    await caller.data(scene.owner, START, input={"id": session.id, "containerId": "c-1"})

    row = await stored(database, session)
    assert (row.container_id, row.claude_session_id) == ("c-1", None)
    assert (row.updated_at - row.last_accessed).total_seconds() < 5


async def test_a_repeated_start_or_stop_changes_nothing(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    await caller.data(scene.owner, STOP, input={"id": session.id, "isDown": False})
    stopped = await stored(database, session)
    await caller.data(scene.owner, START, input={"id": session.id, "isUp": True})
    running = await stored(database, session)
    await caller.data(scene.owner, START, input={"id": session.id})

    assert stopped.status == "stopped"
    assert await stored(database, session) == running


async def test_a_stopped_session_cannot_fail(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    before = await stored(database, session)

    refusal = await caller.refusal(scene.owner, FAIL, input={"id": session.id})

    assert refusal == ("CONFLICT", "input.status")
    assert await stored(database, session) == before


async def test_a_container_runs_one_session_only(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    async with database.writer.begin() as connection:
        await make_session(connection, container_id="c-1")
    before = await stored(database, session)

    refusal = await caller.refusal(scene.owner, START, input={"id": session.id, "containerId": "c-1"})

    assert refusal == ("CONFLICT", "input.containerId")
    assert await stored(database, session) == before


async def test_touching_notes_the_use(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    before = await stored(database, session)

    await caller.data(scene.owner, TOUCH, input={"id": session.id})

    after = await stored(database, session)
    assert (after.last_accessed - before.last_accessed).days >= 364
    assert after.status == before.status


async def test_others_neither_start_nor_touch_a_session(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    before = await stored(database, session)

    assert await caller.refusal(scene.editor, START, input={"id": session.id}) == ("FORBIDDEN", "input.id")
    assert await caller.refusal(scene.editor, TOUCH, input={"id": session.id}) == ("FORBIDDEN", "input.id")
    assert await caller.refusal(scene.stranger, START, input={"id": session.id}) == ("NOT_FOUND", "input.id")
    assert await stored(database, session) == before


@pytest.mark.parametrize(
    ("mode", "outcome"), [("read_only", "FORBIDDEN"), ("edit", "FORBIDDEN"), ("full_control", None)]
)
async def test_a_participant_starts_the_session_with_full_control_only(
    database: Database, scene: Scene, caller: Caller, session: AnyRow, mode: str, outcome: str | None
) -> None:
    async with database.writer.begin() as connection:
        shared = await make_collaboration_session(
            connection, session_id=session.session_id, host_user_id=scene.owner.user_id, share_mode=mode
        )
        await make_participant(connection, collaboration_session_id=shared.id, user_id=scene.stranger.user_id)

    response = await caller.response(scene.stranger, START, input={"id": session.id})

    codes = [error["extensions"]["code"] for error in response.get("errors", [])]
    assert codes == ([outcome] if outcome else [])
    assert (await stored(database, session)).status == ("stopped" if outcome else "starting")
