"""Questions of one person that differ in their variables, asked at the same moment."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.execution import joined_reads
from gql.execution.api import OperationRequest, OperationResult
from gql.execution.joined_reads import FIRST_RUNS
from services.core.fair_shares import FairShares
from tests.integration.reading.conftest import Asker
from tests.support.factories import AnyRow, make_project, make_user
from tests.support.waiting import PATIENCE, until

QUERY = "query ($name: String!) { projects(where: {name: {eq: $name}}) { nodes { name } } }"
JOINED = "unnest("


async def fleet(connection: AsyncConnection, asker: Asker, people: int = 1) -> list[AnyRow]:
    """People with projects that have the same names, whose question was asked a few times before."""
    found = [await make_user(connection) for _ in range(people)]
    for number, person in enumerate(found):
        for name in range(20):
            if (name + number) % 2 == 0:
                await make_project(connection, owner_id=person.id, name=f"p{name}")
    for _ in range(FIRST_RUNS):
        await asker.ask(QUERY, found[0], name="warm")
    asker.statements.clear()
    return found


def names(results: Sequence[OperationResult]) -> list[list[str]]:
    """The names of the projects that each answer has."""
    answers = [orjson.loads(result.body) for result in results]
    assert not [answer["errors"] for answer in answers if "errors" in answer]
    return [[node["name"] for node in answer["data"]["projects"]["nodes"]] for answer in answers]


async def test_each_gets_its_own_answer_from_fewer_statements(
    asker: Asker, connection: AsyncConnection
) -> None:
    (ann,) = await fleet(connection, asker)
    asked = [f"p{number}" for number in range(20)]
    results = await asyncio.gather(*(asker.execute(QUERY, ann, name=name) for name in asked))
    assert names(results) == [[name] if number % 2 == 0 else [] for number, name in enumerate(asked)]
    assert len(asker.planned) <= 10


async def test_nobody_joins_the_reads_of_another_person(asker: Asker, connection: AsyncConnection) -> None:
    ann, ben = await fleet(connection, asker, people=2)
    asked = [(f"p{number}", person) for number in range(20) for person in (ann, ben)]
    results = await asyncio.gather(*(asker.execute(QUERY, person, name=name) for name, person in asked))
    expected = []
    for number in range(20):
        expected += [[f"p{number}"], []] if number % 2 == 0 else [[], [f"p{number}"]]
    assert names(results) == expected


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement for several reads is given up, however slow the machine."""
    monkeypatch.setattr(joined_reads, "LONGEST", PATIENCE)


@asynccontextmanager
async def locked(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Every statement about projects waits for the length of the block; gives a connection to look on."""
    holder, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE")
            yield watcher
    finally:
        await holder.close()
        await watcher.close()


WAITING = """SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'"""


async def pid_of_joined(watcher: asyncpg.Connection) -> int:
    """The process that runs a statement for several reads, once it waits for the lock."""
    found: list[int] = []

    async def waits() -> bool:
        found[:] = [row["pid"] for row in await watcher.fetch(WAITING, JOINED)]
        return bool(found)

    await until(waits)
    return found[0]


@pytest.mark.usefixtures("patient")
async def test_what_fails_together_is_read_again_by_each(
    asker: Asker, connection: AsyncConnection, database_url: str
) -> None:
    (ann,) = await fleet(connection, asker)
    async with locked(database_url) as watcher:
        asking = [asyncio.create_task(asker.execute(QUERY, ann, name=name)) for name in ("p0", "p2")]
        await watcher.execute("SELECT pg_cancel_backend($1::int)", await pid_of_joined(watcher))
        await until(lambda: len([text for text in asker.planned if JOINED not in text]) == 2)
    assert names(await asyncio.gather(*asking)) == [["p0"], ["p2"]]


async def test_what_takes_long_together_is_read_again_by_each(
    asker: Asker, connection: AsyncConnection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = await fleet(connection, asker)
    monkeypatch.setattr(joined_reads, "LONGEST", 0.1)
    async with locked(database_url):
        asking = [asyncio.create_task(asker.execute(QUERY, ann, name=name)) for name in ("p0", "p2")]
        await until(lambda: len([text for text in asker.planned if JOINED not in text]) == 2)
    assert names(await asyncio.gather(*asking)) == [["p0"], ["p2"]]


@pytest.mark.usefixtures("patient")
async def test_a_client_that_leaves_takes_nobodys_answer_along(
    asker: Asker, connection: AsyncConnection, database_url: str
) -> None:
    (ann,) = await fleet(connection, asker)
    async with locked(database_url) as watcher:
        asking = [asyncio.create_task(asker.execute(QUERY, ann, name=name)) for name in ("p0", "p2")]
        await pid_of_joined(watcher)
        asking[0].cancel()
    assert names([await asking[1]]) == [["p2"]]
    assert names([await asker.execute(QUERY, ann, name="p4")]) == [["p4"]]


@pytest.mark.usefixtures("patient")
async def test_who_waits_in_the_line_goes_along_and_nobody_waits_for_ever(
    asker: Asker, connection: AsyncConnection, database_url: str
) -> None:
    (ann,) = await fleet(connection, asker)
    database = replace(asker.database, reading=FairShares(1, most_waiting=3, longest_wait=2.0))
    context = replace(asker.context(ann), database=database)

    def ask(name: str) -> asyncio.Task[OperationResult]:
        return asyncio.create_task(asker.api.execute(OperationRequest(QUERY, {"name": name}), context))

    async with locked(database_url) as watcher:
        first = [ask(f"p{number}") for number in range(0, 4, 2)]
        await pid_of_joined(watcher)
        others = [ask(f"p{number}") for number in range(4, 20, 2)]
        await until(lambda: any(task.done() for task in others))  # those for whom the line is too long
        done = [task for task in others if task.done()]
        assert len(done) < len(others)
        assert {task.result().errors for task in done} == {("RATE_LIMITED",)}
        await asyncio.wait(others)
        assert {task.result().errors for task in others} == {("RATE_LIMITED",)}
    assert names(await asyncio.gather(*first)) == [["p0"], ["p2"]]
    assert names(await asyncio.gather(ask("p6"), ask("p8"), ask("p10"))) == [["p6"], ["p8"], ["p10"]]
