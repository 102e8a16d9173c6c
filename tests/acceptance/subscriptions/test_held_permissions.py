"""A permission that one process holds is answered at another, which tells subscribers of both."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.config.settings import Settings
from models.enums import PermissionDecision
from services.core.database import Database
from services.core.principal import Principal
from services.feed.wakeup import Wakeup
from services.instances.permission_waits import GivenAnswer, PermissionWaits
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.acting import action
from tests.support.factories import make_permission_request
from tests.support.graphql_ws import logged_in
from tests.support.processes import serving
from tests.support.waiting import PATIENCE

ANSWER = """mutation ($id: UUID!) {
  answerPermissionRequest(input: {id: $id, decision: ALLOW, message: "go on"}) {
    ccPermissionRequest { decision }
  }
}"""
ASKED = """subscription { ccPermissionRequestChanged {
  previousDecision decision toolName ccPermissionRequest { heldUntil answeredBy { id } }
} }"""

pytestmark = pytest.mark.xdist_group("processes")


async def test_an_answer_at_one_process_reaches_who_waits_at_another(
    database: Database,
    database_url: str,
    settings: Settings,
    fleet: Fleet,
    sql: PlainSql,
    tmp_path: Path,
) -> None:
    await sql.connection.execute("UPDATE projects SET hold_permission_requests = true")
    owner = Principal(fleet.owner_id, "owner", is_admin=False)
    environment = {
        "DATABASE_URL": database_url,
        "BROADCAST_URL": database_url,
        "CCGRAPH_SECRET_KEY": settings.signing_key(),
        "CCGRAPH_FEED_POLL": "15",
    }
    with serving(["serve"], tmp_path, **environment) as other:
        async with (
            Wakeup(database_url) as wakeup,
            PermissionWaits(database, wakeup.event(), PATIENCE, poll=3600) as waits,
            logged_in(other.url.replace("http", "ws", 1), fleet.owner_token) as socket,
            httpx.AsyncClient(base_url=other.url, timeout=PATIENCE) as client,
        ):
            await socket.subscribe(ASKED)
            async with database.transaction() as connection:
                made = await make_permission_request(
                    connection, cc_instance_id=fleet.instance_id, user_id=fleet.owner_id, held_until=None
                )
            here = replace(database, after_commit=wakeup.notify)
            waiting = asyncio.create_task(waits.wait_for_answer(action(here, owner), made.id))
            assert (await socket.next())["ccPermissionRequestChanged"]["toolName"] == "Bash"
            held = (await socket.next())["ccPermissionRequestChanged"]
            assert held["ccPermissionRequest"]["heldUntil"] is not None
            body = {"query": ANSWER, "variables": {"id": str(made.id)}}
            bearer = {"authorization": f"Bearer {fleet.owner_token}"}
            first = (await client.post("/graphql", json=body, headers=bearer)).json()
            given = await waiting  # it is woken, for it does not look by itself
            second = (await client.post("/graphql", json=body, headers=bearer)).json()

            assert first == {
                "data": {"answerPermissionRequest": {"ccPermissionRequest": {"decision": "ALLOW"}}}
            }
            assert given == GivenAnswer(PermissionDecision.ALLOW, "go on")
            assert second["errors"][0]["extensions"]["code"] == "CONFLICT"
            answered = (await socket.next())["ccPermissionRequestChanged"]
            assert (answered["previousDecision"], answered["decision"]) == (None, "ALLOW")
            assert answered["ccPermissionRequest"]["answeredBy"] == {"id": fleet.owner_id}
