"""Administrators read how the database is and what maintenance did; others read nothing of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.config.settings import Settings
from gql.execution.api import Api, OperationRequest
from gql.request.limits import Limits
from gql.schema import build_schema
from services.core.database import Database
from tests.integration.reading.conftest import Asker
from tests.support import factories
from tests.support.maintaining import maintain
from tests.support.statements import Statements

HEALTH = """
{ systemHealth {
    measuredAt databaseBytes connectionCount replicaCount replicationLagSeconds
    lastMaintenance { status origin failedSteps steps startedAt finishedAt }
    lastBackup { kind isVerified finishedAt }
    tables(first: 500) { totalCount nodes { tableName totalBytes indexBytes estimatedRows partitionCount } }
    partitions(where: {tableName: {eq: "cc_logs"}}) {
        nodes { partitionName fromAt untilAt totalBytes estimatedRows }
    }
    queues { nodes { queueName waiting failed oldestAt } }
} }
"""
RUNS = "{ maintenanceRuns(orderBy: [{startedAt: DESC}]) { nodes { status origin steps finishedAt } } }"
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def asking(database: Database, statements: Statements) -> Asker:
    return Asker(Api(*build_schema(), Limits()), database, statements)


async def people(database: Database) -> tuple[Any, Any]:
    async with database.transaction() as connection:
        return (
            await factories.make_user(connection, is_admin=True),
            await factories.make_user(connection),
        )


async def test_an_administrator_reads_it_in_one_statement(
    settings: Settings, database: Database, asking: Asker
) -> None:
    admin, person = await people(database)
    await maintain(settings, database)
    async with database.transaction() as connection:
        await connection.execute(
            text("SELECT ccgraph_create_partition('cc_logs', 'cc_logs_2019', '2019-01-01', '2020-01-01')")
        )
        for _ in range(3):
            await factories.make_notification(connection, status="pending", scheduled_at=FIRST)
        await factories.make_notification(connection, status="failed")
        await factories.make_notification(
            connection, status="pending", scheduled_at=datetime.now(UTC) + timedelta(days=1)
        )
        await factories.make_git_worktree(connection, cleanup_scheduled_at=FIRST)
        await factories.make_task(connection, status="RUNNING", lease_expires_at=FIRST)
        await factories.make_project(connection, status="archived", archived_at=FIRST)
        await factories.make_row(
            connection,
            "backup_runs",
            kind="dump",
            status="completed",
            started_at=FIRST,
            finished_at=FIRST,
            is_verified=True,
        )
    health = (await asking.ask(HEALTH, admin))["systemHealth"]  # which takes one statement

    assert int(health["databaseBytes"]) > 1_000_000
    assert health["connectionCount"] >= 1
    assert (health["replicaCount"], health["replicationLagSeconds"]) == (0, None)
    run = health["lastMaintenance"]
    assert (run["status"], run["origin"], run["failedSteps"]) == ("COMPLETED", "COMMAND", 0)
    assert {step["step"] for step in run["steps"]} >= {"retention", "statistics"}
    assert health["lastBackup"] == {
        "kind": "DUMP",
        "isVerified": True,
        "finishedAt": "2020-01-01T00:00:00+00:00",
    }
    tables = {table["tableName"]: table for table in health["tables"]["nodes"]}
    assert health["tables"]["totalCount"] == len(tables)
    assert tables["users"]["partitionCount"] == 0
    assert tables["cc_logs"]["partitionCount"] >= 5
    assert all(int(table["totalBytes"]) >= int(table["indexBytes"]) for table in tables.values())
    parts = {part["partitionName"]: part for part in health["partitions"]["nodes"]}
    assert parts["cc_logs_2019"]["fromAt"] == "2019-01-01T00:00:00+00:00"
    assert parts["cc_logs_2019"]["untilAt"] == "2020-01-01T00:00:00+00:00"
    assert parts["cc_logs_default"]["untilAt"] is None
    queues = {queue["queueName"]: queue for queue in health["queues"]["nodes"]}
    told = "2020-01-01T00:00:00+00:00"
    assert queues["notifications"] == {
        "queueName": "notifications",
        "waiting": "3",
        "failed": "1",
        "oldestAt": told,
    }
    for name in ("expired_partitions", "archiving", "worktree_cleanup", "expired_claims"):
        assert (queues[name]["waiting"], queues[name]["oldestAt"]) == ("1", told), name
    assert set(queues) == {
        *("notifications", "websocket_notifications", "feed", "expired_partitions", "archiving"),
        *("worktree_cleanup", "expired_claims"),
    }
    assert (await asking.ask("{ systemHealth { id } }", person))["systemHealth"] is None


@pytest.mark.parametrize("field", ["maintenanceRuns", "tableSizes", "tablePartitions", "systemQueues"])
async def test_nobody_else_reads_any_of_it(
    settings: Settings, database: Database, asking: Asker, field: str
) -> None:
    admin, person = await people(database)
    await maintain(settings, database)
    query = f"{{ {field} {{ totalCount nodes {{ __typename }} }} }}"
    assert (await asking.ask(query, person))[field] == {"totalCount": 0, "nodes": []}
    assert (await asking.ask(query, admin))[field]["totalCount"] > 0


async def test_runs_are_listed_and_changed_by_nobody(
    settings: Settings, database: Database, asking: Asker
) -> None:
    admin, _ = await people(database)
    for _ in range(2):
        await maintain(settings, database)
    nodes = (await asking.ask(RUNS, admin))["maintenanceRuns"]["nodes"]
    assert [node["status"] for node in nodes] == ["COMPLETED", "COMPLETED"]
    mutations = build_schema()[0].as_str()
    for verb in ("create", "update", "delete"):
        assert f"{verb}MaintenanceRun" not in mutations


async def test_who_has_no_token_is_refused(asking: Asker) -> None:
    result = await asking.api.execute(OperationRequest("{ systemHealth { id } }"), asking.context(None))
    assert b"UNAUTHENTICATED" in result.body
