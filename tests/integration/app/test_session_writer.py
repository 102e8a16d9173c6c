"""Live connections are entered together, and none of them pays for another one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from app.connections.session_writer import SessionWriter
from models import WebsocketSession
from models.enums import WebsocketTransport
from services.core.database import Database
from services.core.principal import Origin
from services.notifications.websocket_sessions import NewSession
from tests.support.factories import make_user
from tests.support.waiting import until, until_locked_out

NOBODY = 2_000_000_000


def session_of(user_id: int) -> NewSession:
    return NewSession(uuid7(), user_id, WebsocketTransport.WEBSOCKET, Origin())


async def codes(database: Database) -> dict[object, int | None]:
    """The close code of each session, None for one that is open."""
    async with database.transaction() as connection:
        rows = await connection.execute(select(WebsocketSession.id, WebsocketSession.close_code))
        return {row.id: row.close_code for row in rows}


@pytest.fixture
async def user_id(database: Database) -> int:
    async with database.transaction() as connection:
        user_id: int = (await make_user(connection)).id
        return user_id


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[SessionWriter]:
    async with SessionWriter(database, timedelta(minutes=1)) as running:
        yield running


async def test_an_account_that_is_gone_keeps_no_other_session_from_opening(
    database: Database, writer: SessionWriter, user_id: int
) -> None:
    sessions = [session_of(user_id) for _ in range(5)]
    gone = session_of(NOBODY)

    results = await asyncio.gather(
        *(writer.open(session) for session in (*sessions, gone)), return_exceptions=True
    )

    assert results[:-1] == [None] * 5
    assert isinstance(results[-1], Exception)
    assert await codes(database) == dict.fromkeys([session.id for session in sessions])


async def test_a_session_whose_client_goes_while_it_is_entered_is_closed_after_that(
    database: Database, writer: SessionWriter, user_id: int, database_url: str
) -> None:
    session = session_of(user_id)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("LOCK TABLE websocket_sessions IN EXCLUSIVE MODE")
        opening = asyncio.create_task(writer.open(session))
        await until_locked_out(database_url)
        opening.cancel()
        writer.close(session.id, 1006)
        for _ in range(10):  # turns of the event loop, in which both are noticed
            await asyncio.sleep(0)

    async def closed() -> bool:
        return await codes(database) == {session.id: 1006}

    await until(closed)
    with pytest.raises(asyncio.CancelledError):
        await opening
