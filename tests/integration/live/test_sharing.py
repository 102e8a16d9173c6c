"""How often a live query is read: once for all who ask alike, and only when it may have changed."""

import asyncio
from uuid import UUID

from app.config.settings import Settings
from app.database.pools import open_database
from gql.errors import format_error
from services.feed.feed import Feed
from services.feed.wakeup import Wakeup
from services.live.queries import LiveQueries
from services.live.topics import LiveQuery
from tests.integration.feed.conftest import (
    Connect,
    Listening,
    Writer,
    about,
    add_instance,
    add_user,
    set_status,
)
from tests.integration.live.conftest import Followers, result
from tests.support.statements import Statements
from tests.support.waiting import until

STATUSES = (
    "subscription ($rate: Float = 20) { live(maxPerSecond: $rate) { ccInstances { nodes { status } } } }"
)


async def test_fifty_subscribers_are_one_statement_for_each_change(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    all_of_them = await asyncio.gather(*(followers.follow(STATUSES, owner_id) for _ in range(50)))
    for listening in all_of_them:
        await result(listening)
    for status in ("RUNNING", "ERROR", "STOPPED"):
        followers.forget()
        await set_status(writer, instance, status)
        for listening in all_of_them:
            assert await result(listening) == {"ccInstances": {"nodes": [{"status": status}]}}
        await followers.read(1)
    assert len(followers.queries) == 1


async def test_administrators_share_a_statement_and_people_do_not(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    other = await add_user(writer)
    for user, is_admin in ((owner_id, True), (other, True), (owner_id, False), (other, False)):
        await result(await followers.follow(STATUSES, user, is_admin=is_admin))
    assert len(followers.queries) == 3
    followers.forget()
    await add_instance(writer, project_id)
    await followers.read(3)


async def test_people_share_what_looks_the_same_to_everybody(followers: Followers, writer: Writer) -> None:
    names = "subscription { live { users { nodes { username } } } }"
    for user in (await add_user(writer), await add_user(writer)):
        await result(await followers.follow(names, user))
    assert len(followers.queries) == 1


async def test_what_each_asks_for_decides_not_how_it_is_written(followers: Followers, owner_id: int) -> None:
    mine = "subscription ($name: String!) { live { tasks(where: {name: {eq: $name}}) { totalCount } } }"
    for name in ("a", "a", "b"):
        await result(await followers.follow(mine, owner_id, name=name))
    written = 'subscription X { live { tasks(where: {name: {eq: "b"}}) { totalCount } } } # b'
    await result(await followers.follow(written, owner_id))
    assert len(followers.queries) == 2


async def test_a_change_elsewhere_reads_nothing(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    listening = await followers.follow(STATUSES, owner_id)
    await result(listening)
    followers.forget()
    await writer.execute(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1, 'x', 'design')", project_id
    )
    await writer.execute("UPDATE users SET email = 'x@example.com' WHERE id = $1", owner_id)
    await followers.settle()
    assert followers.readings == 0


async def test_a_change_that_does_not_alter_the_result_is_read_and_not_sent(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await followers.follow(STATUSES, owner_id)
    await result(listening)
    followers.forget()
    await writer.execute("UPDATE cc_instances SET name = 'renamed' WHERE id = $1", instance)
    await followers.read(1)
    assert await listening.silent()


async def test_many_changes_are_few_readings_and_the_last_state_arrives(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await followers.follow(STATUSES, owner_id, rate=4.0)
    await result(listening)
    started = asyncio.get_running_loop().time()
    for number in range(200):
        await set_status(writer, instance, ("RUNNING", "IDLE")[number % 2])
        await asyncio.sleep(0.005)
    await set_status(writer, instance, "STOPPED")
    taken = asyncio.get_running_loop().time() - started
    sent = 1
    while await result(listening) != {"ccInstances": {"nodes": [{"status": "STOPPED"}]}}:
        sent += 1
    assert sent <= 4 * taken + 2
    assert await listening.silent()


async def test_whoever_comes_later_reads_the_present_state_and_disturbs_nobody(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    early = await followers.follow(STATUSES, owner_id, rate=0.01)
    await result(early)
    await set_status(writer, instance, "RUNNING")
    late = await followers.follow(STATUSES, owner_id, rate=0.01)
    assert await result(late) == {"ccInstances": {"nodes": [{"status": "RUNNING"}]}}
    assert len(followers.queries) == 1
    assert await early.silent()


async def test_nothing_is_read_for_nobody(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    everyone = [await followers.follow(STATUSES, owner_id) for _ in range(2)]
    for listening in everyone:
        await result(listening)
        listening.close()
        listening.close()
    assert len(followers.queries) == 0
    followers.forget()
    await add_instance(writer, project_id)
    await followers.settle()
    assert followers.readings == 0
    assert await result(await followers.follow(STATUSES, owner_id)) == {
        "ccInstances": {"nodes": [{"status": "IDLE"}]}
    }


async def test_a_lost_connection_costs_a_delay_and_no_stream(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await followers.follow(STATUSES, owner_id)
    await result(listening)
    await writer.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'ccgraph read' AND datname = current_database()"
    )
    await set_status(writer, instance, "ERROR")
    assert await result(listening) == {"ccInstances": {"nodes": [{"status": "ERROR"}]}}


async def test_a_statement_that_takes_too_long_ends_the_query_with_an_error_and_it_can_be_asked_again(
    settings: Settings, statements: Statements, connect: Connect, owner_id: int
) -> None:
    impatient = settings.model_copy(update={"statement_timeout": 2})
    blocker = await connect()
    async with (
        open_database(impatient) as database,
        Wakeup("memory://") as wakeup,
        Feed(database, wakeup, b"secret") as feed,
    ):
        followers = Followers(database, feed, statements)
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE cc_instances IN ACCESS EXCLUSIVE MODE")
            listening = await followers.follow(STATUSES, owner_id)
            error = await listening.ended()
        assert error is not None
        assert format_error(error)["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert len(followers.queries) == 0
        again = await followers.follow(STATUSES, owner_id)
        assert await result(again) == {"ccInstances": {"nodes": []}}


class Slow:
    """A query whose readings last until `done`; knows how many of them there were at a time."""

    def __init__(self) -> None:
        self.begun = 0
        self.most = 0
        self.done = asyncio.Event()
        self._under_way = 0

    async def read(self) -> bytes:
        self.begun += 1
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await self.done.wait()
        self._under_way -= 1
        return b'["%d"]' % self.begun

    def query(self, key: str, person: str | None = None) -> LiveQuery:
        tables = frozenset({"cc_instances"})
        return LiveQuery(key, tables, pause=0.01, covered=True, read=self.read, person=person)


async def test_readings_of_a_query_do_not_overlap_and_a_change_during_one_is_read_after_it(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    queries, slow, listening = LiveQueries(feed, places=5), Slow(), Listening()
    listening.subscription = await queries.subscribe(slow.query("one"), listening.wake)
    noticed = await Listening().begin(feed, about())
    await until(lambda: slow.begun == 1)
    await add_instance(writer, project_id)
    await noticed.next()
    assert await listening.silent()
    assert slow.begun == 1
    slow.done.set()
    assert [await listening.next(), await listening.next()] == [["1"], ["2"]]
    assert (slow.begun, slow.most) == (2, 1)
    assert await listening.silent()


async def test_all_queries_together_take_a_bounded_share_of_the_connections(feed: Feed) -> None:
    queries, slow = LiveQueries(feed, places=2), Slow()
    everyone = [Listening() for _ in range(8)]
    for number, listening in enumerate(everyone):
        listening.subscription = await queries.subscribe(slow.query(str(number)), listening.wake)
    await until(lambda: slow.begun == 2)
    await asyncio.sleep(0.1)
    assert slow.begun == 2
    slow.done.set()
    for listening in everyone:
        await listening.next()
    assert slow.most == 2


async def test_who_joins_a_query_does_not_wait_for_the_share_of_who_asked_first(feed: Feed) -> None:
    queries, slow = LiveQueries(feed, places=2), Slow()
    ann = [Listening() for _ in range(5)]
    for number, listening in enumerate(ann):
        listening.subscription = await queries.subscribe(slow.query(str(number), "ann"), listening.wake)
    await until(lambda: slow.begun == 1)
    ben = Listening()
    ben.subscription = await queries.subscribe(slow.query("4", "ben"), ben.wake)
    await until(lambda: slow.begun == 2)
    await asyncio.sleep(0.05)
    assert slow.begun == 2, "one for ann, and the one that is also for ben"
    slow.done.set()
    for listening in (*ann, ben):
        await listening.next()
