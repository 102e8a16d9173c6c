"""The backups that the server makes by itself: what is due, once, whatever number of servers there are."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.backup import schedule
from app.backup.dumping import Busy
from app.backup.schedule import embedded_of, keep_backed_up, make_what_is_due, wanted
from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.integration.backup.conftest import entries
from tests.support.waiting import until

AGED = "UPDATE backup_runs SET started_at = started_at - interval '25 hours'"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A dump a day."""
    return settings.model_copy(update={"backup_every": 24.0, "backup_dir": tmp_path / "kept"})


async def ask(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_what_is_due_is_made_once(settings: Settings, database_url: str) -> None:
    for _ in range(2):
        await make_what_is_due(settings)
        assert await ask(database_url, "SELECT count(*) FROM backup_runs") == 1
    await ask(database_url, AGED)
    ended = await asyncio.gather(*(make_what_is_due(settings) for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in ended} <= {type(None), Busy}
    assert await ask(database_url, "SELECT count(*) FROM backup_runs WHERE status = 'completed'") == 2
    assert len(entries(settings.backups, "*.dump")) == 2


async def test_it_is_tried_where_that_is_wanted(settings: Settings, database_url: str) -> None:
    await make_what_is_due(settings.model_copy(update={"backup_verify": True}))
    assert await ask(database_url, "SELECT is_verified FROM backup_runs") is True


async def test_one_that_fails_is_told_and_tried_again(
    settings: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "AFTER_FAILURE", 0.05)
    (tmp_path / "kept").write_text("a file in its place")
    with capture_logs() as lines:
        task = asyncio.create_task(keep_backed_up(settings, look=0.01))
        await until(lambda: any(line["event"] == "backup_failed" for line in lines))
        (tmp_path / "kept").unlink()
        await until(lambda: any(line["event"] == "backup_made" for line in lines))
        task.cancel()
        await asyncio.wait([task])
    assert "cannot be used" in next(line["reason"] for line in lines if line["event"] == "backup_failed")


def test_a_server_makes_none_unless_it_is_set_to(settings: Settings, database_url: str) -> None:
    assert wanted(settings)
    assert not wanted(Settings(_env_file=None))
    # No embedded server runs on this data directory.
    assert embedded_of(settings, database_url) is None


async def test_administrators_read_what_was_made(
    settings: Settings, app: Starlette, client: httpx.AsyncClient
) -> None:
    await make_what_is_due(settings)
    database: Database = app.state.database
    query = "{ backupRuns { nodes { kind status path rowCount verifiedAt error encryptionKeys } } }"
    seen = []
    for name, is_admin in (("boss", True), ("ada", False)):
        async with database.transaction() as connection:
            await add_user(connection, name, "correct horse battery staple", is_admin=is_admin)
            policy = TokenPolicy(settings.signing_key())
            issued = await issue_for_username(connection, policy, name, Origin())
        headers = {"authorization": f"Bearer {issued.token}"}
        answer = (await client.post("/graphql", json={"query": query}, headers=headers)).json()
        seen.append(answer["data"]["backupRuns"]["nodes"])
    [file] = entries(settings.backups, "*.dump")
    [run] = seen[0]
    assert run["rowCount"] is not None
    assert {**run, "rowCount": None} == {
        "kind": "DUMP",
        "status": "COMPLETED",
        "path": str(file),
        "rowCount": None,
        "verifiedAt": None,
        "error": None,
        "encryptionKeys": [],
    }
    assert seen[1] == []
