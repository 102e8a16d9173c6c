"""Queries go to a replica that has what their reader wrote; one that lags, hangs or dies costs no answer."""

import asyncio
import signal
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.database.configuration import OWNER
from app.database.pools import open_database
from app.main import create_app
from services.core import replicas
from services.core.replicas import ReplicaState
from tests.integration.replicas.conftest import (
    NAMES,
    Pair,
    Person,
    caught_up,
    following,
    person,
    replicas_of,
    status,
)
from tests.support.agents import Agent
from tests.support.clusters import TEMPLATE
from tests.support.replication import address
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.xdist_group("replicas")


@pytest.fixture
async def ada(app: Starlette, client: httpx.AsyncClient) -> Person:
    """A person; the replica is in use for her queries."""
    found = await person(app, client)
    await following(app)
    await found.names()
    await until(lambda: replicas_of(app).chosen(found.user_id) is not None)
    return found


async def add_unseen(pair: Pair, database_name: str, owner: int) -> str:
    """A project by plain SQL, of which the server knows nothing."""
    name = f"plain {uuid4()}"
    await pair.primary.execute(
        f"INSERT INTO projects (name, owner_id) VALUES ('{name}', {owner})", database_name
    )
    return name


async def test_queries_go_to_the_replica_and_show_what_their_reader_wrote(
    whole: Pair, database_name: str, app: Starlette, client: httpx.AsyncClient, ada: Person
) -> None:
    await caught_up(whole)
    await whole.standby.execute("SELECT pg_wal_replay_pause()")
    try:
        unseen = await add_unseen(whole, database_name, ada.user_id)
        assert unseen not in await ada.names(), "the query went to the primary"
        for _ in range(5):
            written = await ada.create()
            assert {written, unseen} <= await ada.names(), "the own write is not seen"
    finally:
        await whole.standby.execute("SELECT pg_wal_replay_resume()")
    await until(lambda: replicas_of(app).chosen(ada.user_id) is not None)
    assert {written, unseen} <= await ada.names()


async def test_every_write_is_read_at_once_while_the_replica_follows(ada: Person) -> None:
    for _ in range(50):
        assert await ada.create() in await ada.names()


async def test_a_heavy_query_waits_for_the_replica_a_moment(
    app: Starlette, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "LONGEST_WAIT", PATIENCE)
    written = await ada.create()
    search = f'{{ projects(search: "{written}") {{ nodes {{ name }} }} }}'
    answer = await ada.ask(search)
    assert answer["data"]["projects"]["nodes"][0]["name"] == written
    # It waited until the replica could be asked, so that what comes next is asked there, too.
    assert replicas_of(app).chosen(ada.user_id) is not None


class TestLag:
    """A replica that lags."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """It may lag for less than a second."""
        return settings.model_copy(update={"replica_lag": 0.6})

    async def test_a_replica_that_lags_is_left_out_and_taken_back(
        self, whole: Pair, database_name: str, app: Starlette, ada: Person
    ) -> None:
        await whole.standby.execute("SELECT pg_wal_replay_pause()")
        try:
            name = await add_unseen(whole, database_name, ada.user_id)
            await until(lambda: status(app).state is ReplicaState.LAGGING)
            assert (status(app).lag or 0.0) > 0.6
            assert name in await ada.names()
        finally:
            await whole.standby.execute("SELECT pg_wal_replay_resume()")
        await following(app)
        assert (status(app).lag or 0.0) < 0.6


async def test_no_query_fails_when_the_replica_dies_in_the_middle_and_it_is_taken_back(
    whole: Pair, app: Starlette, ada: Person
) -> None:
    asked = [0] * 4
    stop = asyncio.Event()

    async def ask(number: int) -> None:
        while not stop.is_set():
            await ada.names()
            asked[number] += 1

    async def all_ask() -> None:
        before = [*asked]
        await until(lambda: all(now > then for now, then in zip(asked, before, strict=True)))

    asking = [asyncio.create_task(ask(number)) for number in range(4)]
    await all_ask()
    await asyncio.to_thread(whole.standby.kill)
    try:
        await until(lambda: status(app).state is ReplicaState.AWAY)
        assert status(app).lag is None
        await all_ask()
    finally:
        await asyncio.to_thread(whole.standby.start)
    await following(app)
    await all_ask()
    stop.set()
    await asyncio.gather(*asking)


async def test_a_replica_that_hangs_delays_queries_once_and_shortly(
    whole: Pair, app: Starlette, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "CHECK_TIMEOUT", 1.0)
    whole.standby.signal_all(signal.SIGSTOP)
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(ada.names() for _ in range(8)))
        await until(lambda: status(app).state is ReplicaState.AWAY)
        # A query that goes to the replica now waits for as long as that is stopped.
        monkeypatch.setattr(replicas, "CHECK_TIMEOUT", 3600)
        async with asyncio.timeout(PATIENCE):
            await ada.names()
    finally:
        whole.standby.signal_all(signal.SIGCONT)
    await following(app)


async def test_a_database_that_is_no_copy_is_not_read(
    whole: Pair, app: Starlette, settings: Settings, database_name: str
) -> None:
    await following(app)
    other = f"{database_name}_other"
    whole.primary.server.run("createdb", "--owner", OWNER, "--template", TEMPLATE, other)
    await whole.primary.execute("UPDATE feed_state SET epoch = gen_random_uuid()", other)
    url = SecretStr(address(other, whole.primary))
    async with open_database(settings.model_copy(update={"database_read_url": url})) as database:
        assert database.replicas is not None
        running = asyncio.create_task(database.replicas.run())
        replicas = database.replicas
        await until(lambda: replicas.status()[0].state is ReplicaState.DIVERGED)
        assert replicas.chosen(1) is None
        running.cancel()
        await asyncio.wait([running])


async def test_another_process_reads_what_was_written_by_the_position_that_a_client_sends(
    whole: Pair, settings: Settings, app: Starlette, client: httpx.AsyncClient, ada: Person
) -> None:
    other_app = create_app(settings)
    async with (
        other_app.router.lifespan_context(other_app),
        httpx.AsyncClient(transport=httpx.ASGITransport(other_app), base_url="http://other.test") as opened,
    ):
        other = Person(opened, ada.token, ada.user_id)
        await following(other_app)
        await other.names()
        await until(lambda: replicas_of(other_app).chosen(ada.user_id) is not None)
        await caught_up(whole)
        await whole.standby.execute("SELECT pg_wal_replay_pause()")
        try:
            written, position = await ada.create_from("0")
            assert written not in await other.names()
            assert written in await other.names(position)
            written, position = await ada.create_in_batch()
            assert written in await other.names(position)
        finally:
            await whole.standby.execute("SELECT pg_wal_replay_resume()")
        refused = await other.ask(NAMES, {"ccgraph-position": "x"})
        assert "Ccgraph-Position" in refused["errors"][0]["message"]


async def test_an_agent_reads_what_it_wrote_through_another_process(
    whole: Pair, settings: Settings, app: Starlette, client: httpx.AsyncClient, ada: Person
) -> None:
    await ada.create()
    here = Agent(client, "/mcp", ada.token, instance=UUID(str(uuid7())), position="0")
    other_app = create_app(settings)
    async with (
        other_app.router.lifespan_context(other_app),
        httpx.AsyncClient(transport=httpx.ASGITransport(other_app), base_url="http://other.test") as opened,
    ):
        there = Agent(opened, "/mcp", ada.token)  # calls under an instance are recorded, which is a write
        await following(other_app)
        project = (await here.call("join_project"))["instance"]["projectId"]
        await there.call("fleet_status", projectId=project)
        await caught_up(whole)
        await whole.standby.execute("SELECT pg_wal_replay_pause()")
        try:
            await until(lambda: replicas_of(other_app).chosen(ada.user_id) is not None)
            result = await here.result("add_tasks", tasks=[{"name": "Late", "taskType": "DESIGN"}])
            position = result["_meta"]["ccgraph/position"]
            assert (await there.call("fleet_status", projectId=project))["tasks"] == {}
            there.position = position
            read = await there.result("fleet_status", projectId=project)
            assert read["structuredContent"]["tasks"] == {"PENDING": 1}
            assert "ccgraph/position" not in read.get("_meta", {}), "it has changed nothing"
        finally:
            await whole.standby.execute("SELECT pg_wal_replay_resume()")
