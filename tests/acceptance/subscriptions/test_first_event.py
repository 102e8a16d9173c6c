"""A change of status arrives at the next poll, over WebSocket and SSE, as deep as a query selects."""

from app.config.settings import Settings
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.sse import open_stream

STATUS = """
subscription ($project: UUID) {
  ccInstanceStatusChanged(projectId: $project) {
    __typename
    before: previousStatus
    status
    actor { username }
    ccInstance { id name status project { name owner { username } } children { totalCount } }
  }
}
"""


async def test_a_status_changed_by_plain_sql_arrives_over_websocket(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, settings: Settings
) -> None:
    assert settings.feed_poll < 0.5
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS, {"project": str(fleet.project_id)})
        await sql.set_status(fleet.instance_id, "RUNNING")
        event = (await socket.next())["ccInstanceStatusChanged"]
    assert event["ccInstance"].pop("project")["name"] == "注文管理"
    assert event == {
        "__typename": "CcInstanceStatusEvent",
        "before": "IDLE",
        "status": "RUNNING",
        "actor": None,
        "ccInstance": {
            "id": str(fleet.instance_id),
            "name": "親 one",
            "status": "RUNNING",
            "children": {"totalCount": 0},
        },
    }


async def test_a_status_changed_by_plain_sql_arrives_over_server_sent_events(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(
        live_server.url, fleet.owner_token, STATUS, {"project": str(fleet.project_id)}
    ) as stream:
        await sql.set_status(fleet.instance_id, "RUNNING")
        event = (await stream.next())["ccInstanceStatusChanged"]
    assert (event["before"], event["status"], event["ccInstance"]["name"]) == ("IDLE", "RUNNING", "親 one")
