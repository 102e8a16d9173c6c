"""What a live query sends: the result at once, and again when it has changed."""

from typing import Any
from uuid import UUID

import pytest

from services.core.database import Database
from services.core.errors import BadInput, QueryTooComplex
from services.feed.feed import Feed
from tests.integration.feed.conftest import (
    Listening,
    Writer,
    add_instance,
    add_project,
    add_user,
    set_status,
)
from tests.integration.live.conftest import Followers, result
from tests.support.statements import Statements

BOARD = """
subscription ($p: UUID!) {
  live(maxPerSecond: 20) {
    tasks(where: {project: {projectId: {eq: $p}}}, orderBy: [{name: ASC}]) {
      totalCount
      nodes { name status assignedTo { name } }
    }
  }
}
"""


async def add_task(writer: Writer, project_id: UUID, name: str, priority: int = 5) -> UUID:
    task: UUID = await writer.fetchval(
        "INSERT INTO tasks (project_id, name, task_type, priority) VALUES ($1, $2, 'design', $3)"
        " RETURNING id",
        project_id,
        name,
        priority,
    )
    return task


def names(board: dict[str, dict[str, list[dict[str, str]]]]) -> list[str]:
    return [node["name"] for node in board["tasks"]["nodes"]]


async def test_the_first_result_comes_at_once(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    await add_task(writer, project_id, "設計")
    listening = await followers.follow(BOARD, owner_id, p=project_id)
    assert await result(listening) == {
        "tasks": {
            "totalCount": 1,
            "nodes": [{"name": "設計", "status": "PENDING", "assignedTo": None}],
        }
    }


async def test_new_changed_and_deleted_rows_make_a_new_result(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    listening = await followers.follow(BOARD, owner_id, p=project_id)
    assert names(await result(listening)) == []
    task = await add_task(writer, project_id, "one")
    assert names(await result(listening)) == ["one"]
    await writer.execute("UPDATE tasks SET status = 'RUNNING' WHERE id = $1", task)
    assert (await result(listening))["tasks"]["nodes"][0]["status"] == "RUNNING"
    await writer.execute("DELETE FROM tasks WHERE id = $1", task)
    assert (await result(listening))["tasks"]["totalCount"] == 0


async def test_a_change_of_a_related_row_makes_a_new_result(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    task = await add_task(writer, project_id, "one")
    await writer.execute("UPDATE tasks SET assigned_to = $2 WHERE id = $1", task, instance)
    listening = await followers.follow(BOARD, owner_id, p=project_id)
    await result(listening)
    await writer.execute("UPDATE cc_instances SET name = 'renamed' WHERE id = $1", instance)
    assert (await result(listening))["tasks"]["nodes"][0]["assignedTo"] == {"name": "renamed"}


async def test_figures_and_groups_are_followed(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    listening = await followers.follow(
        "subscription { live(maxPerSecond: 20) { tasks {"
        " aggregate { count max { priority } } groups(by: [STATUS]) { key { status } count } } } }",
        owner_id,
    )
    assert await result(listening) == {
        "tasks": {"aggregate": {"count": 0, "max": {"priority": None}}, "groups": []}
    }
    await add_task(writer, project_id, "one", priority=9)
    assert await result(listening) == {
        "tasks": {
            "aggregate": {"count": 1, "max": {"priority": 9}},
            "groups": [{"key": {"status": "PENDING"}, "count": 1}],
        }
    }


async def test_several_root_fields_aliases_and_fragments_are_one_statement(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    query = """
      fragment Head on Query { me { id } project(by: {projectId: $p}) { name } }
      fragment Names on Task { name }
      subscription ($p: UUID!, $with: Boolean = false) {
        board: live(maxPerSecond: 20) {
          kind: __typename
          ...Head
          first: tasks(first: 1, orderBy: [{name: ASC}]) { nodes { ...Names } }
          rest: tasks(orderBy: [{name: DESC}]) { nodes { ...Names } }
          users @include(if: $with) { totalCount }
        }
      }"""
    for name in ("a", "b"):
        await add_task(writer, project_id, name)
    followers.forget()
    listening = await followers.follow(query, owner_id, p=project_id)
    response: Any = await listening.next()
    assert response == {
        "data": {
            "board": {
                "kind": "Query",
                "me": {"id": owner_id},
                "project": {"name": "alpha"},
                "first": {"nodes": [{"name": "a"}]},
                "rest": {"nodes": [{"name": "b"}, {"name": "a"}]},
            }
        }
    }
    assert followers.readings == 1


async def test_two_people_see_their_own_rows(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    other_id = await add_user(writer)
    theirs = await add_project(writer, other_id)
    everything = "subscription { live(maxPerSecond: 20) { tasks { nodes { name } } } }"
    mine, other = await followers.follow(everything, owner_id), await followers.follow(everything, other_id)
    assert (names(await result(mine)), names(await result(other))) == ([], [])
    await add_task(writer, project_id, "for me")
    assert names(await result(mine)) == ["for me"]
    await add_task(writer, theirs, "for the other")
    assert names(await result(other)) == ["for the other"]
    assert await mine.silent()


async def test_what_is_taken_away_disappears(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    guest = await add_user(writer)
    await writer.execute(
        "UPDATE projects SET collaborators = jsonb_build_array("
        "jsonb_build_object('user_id', $2::int, 'role', 'viewer')) WHERE project_id = $1",
        project_id,
        guest,
    )
    await add_task(writer, project_id, "one")
    listening = await followers.follow(BOARD, guest, p=project_id)
    assert names(await result(listening)) == ["one"]
    await writer.execute("UPDATE projects SET collaborators = '[]' WHERE project_id = $1", project_id)
    assert await result(listening) == {"tasks": {"totalCount": 0, "nodes": []}}
    await add_task(writer, project_id, "two")
    assert await listening.silent()


async def test_what_no_event_tells_of_is_found_by_the_poll(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    task = await add_task(writer, project_id, "one")
    texts = await followers.follow("subscription { live { tasks { nodes { description } } } }", owner_id)
    people = await followers.follow("subscription { live { me { email } } }", owner_id)
    await result(texts), await result(people)
    await writer.execute("UPDATE tasks SET description = 'more' WHERE id = $1", task)
    assert await result(texts) == {"tasks": {"nodes": [{"description": "more"}]}}
    await writer.execute("UPDATE users SET email = 'a@example.com' WHERE id = $1", owner_id)
    assert await result(people) == {"me": {"email": "a@example.com"}}


async def test_what_postgresql_measures_is_found_by_the_poll(
    followers: Followers, owner_id: int, writer: Writer
) -> None:
    query = 'subscription { live { tablePartitions(where: {tableName: {eq: "cc_logs"}}) { totalCount } } }'
    partitions = await followers.follow(query, owner_id, is_admin=True)
    before = (await result(partitions))["tablePartitions"]["totalCount"]
    await writer.execute(
        "SELECT ccgraph_create_partition('cc_logs', 'cc_logs_2019', '2019-01-01', '2020-01-01')"
    )
    assert (await result(partitions))["tablePartitions"]["totalCount"] == before + 1


async def test_new_entries_of_logs_make_a_new_result_without_the_poll(
    database: Database, feed: Feed, statements: Statements, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    followers = Followers(database, feed, statements, poll=1_000)
    instance = await add_instance(writer, project_id)
    logs = await followers.follow("subscription { live { ccLogs { nodes { message } } } }", owner_id)
    assert await result(logs) == {"ccLogs": {"nodes": []}}
    await writer.execute(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " VALUES ($1, 'info', 'system', '始動')",
        instance,
    )
    assert await result(logs) == {"ccLogs": {"nodes": [{"message": "始動"}]}}


@pytest.mark.parametrize(
    ("column", "field", "value"),
    [
        ("activity_detail", "activityDetail", "Bash: make test"),
        ("last_message", "lastMessage", "終わりました。" * 1_000),
        ("context_used_percent", "contextUsedPercent", 41),
        ("model", "model", "claude-opus-4-6"),
    ],
)
async def test_what_an_instance_does_is_followed_without_the_poll(
    database: Database,
    feed: Feed,
    statements: Statements,
    writer: Writer,
    project_id: UUID,
    owner_id: int,
    column: str,
    field: str,
    value: object,
) -> None:
    followers = Followers(database, feed, statements, poll=1_000)
    instance = await add_instance(writer, project_id)
    query = f"subscription {{ live(maxPerSecond: 20) {{ ccInstances {{ nodes {{ {field} }} }} }} }}"
    listening = await followers.follow(query, owner_id)
    assert (await result(listening))["ccInstances"]["nodes"] == [{field: None}]
    await writer.execute(f"UPDATE cc_instances SET {column} = $2 WHERE id = $1", instance, value)
    assert (await result(listening))["ccInstances"]["nodes"] == [{field: value}]


async def test_a_slow_reader_gets_the_newest_result_only(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    slow, quick = await follow_status(followers, owner_id), await follow_status(followers, owner_id)
    await result(quick)
    for status in ("RUNNING", "ERROR", "STOPPED"):
        await set_status(writer, instance, status)
        assert await result(quick) == {"ccInstances": {"nodes": [{"status": status}]}}
    assert await result(slow) == {"ccInstances": {"nodes": [{"status": "STOPPED"}]}}
    assert await slow.silent()


async def test_a_state_that_came_and_went_unread_is_not_sent(
    followers: Followers, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    slow, quick = await follow_status(followers, owner_id), await follow_status(followers, owner_id)
    for listening in (slow, quick):
        assert await result(listening) == {"ccInstances": {"nodes": [{"status": "IDLE"}]}}
    for status in ("RUNNING", "IDLE"):
        await set_status(writer, instance, status)
        assert await result(quick) == {"ccInstances": {"nodes": [{"status": status}]}}
    assert await slow.silent()


async def follow_status(followers: Followers, user_id: int) -> Listening:
    return await followers.follow(
        "subscription { live(maxPerSecond: 20) { ccInstances { nodes { status } } } }", user_id
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("subscription { live(maxPerSecond: 0) { me { id } } }", "maxPerSecond"),
        ("subscription { live(maxPerSecond: 21) { me { id } } }", "maxPerSecond"),
        ("subscription { live(maxPerSecond: null) { me { id } } }", "maxPerSecond"),
        ("subscription { live { __schema { description } } }", "live"),
        ("subscription { live { tasks(first: 501) { totalCount nodes { id } } } }", "live.tasks.first"),
        ("subscription { live { tasks(where: {name: null}) { totalCount } } }", "live.tasks.where.name"),
    ],
)
async def test_what_cannot_be_followed_is_refused_with_its_place(
    followers: Followers, owner_id: int, query: str, field: str
) -> None:
    followers.forget()
    with pytest.raises(BadInput) as refusal:
        await followers.follow(query, owner_id)
    assert refusal.value.field == field
    assert (len(followers.queries), followers.readings) == (0, 0)


async def test_the_limits_of_a_query_hold(followers: Followers, owner_id: int) -> None:
    deep = "project { tasks(first: 500) { nodes { " * 3 + "id" + " } } }" * 3
    with pytest.raises(QueryTooComplex):
        await followers.follow(f"subscription {{ live {{ tasks {{ nodes {{ {deep} }} }} }} }}", owner_id)
    assert len(followers.queries) == 0


async def test_the_filter_of_a_live_query_is_bounded_as_that_of_a_query(
    followers: Followers, owner_id: int
) -> None:
    where = '{name: {eq: "x"}}'
    for _ in range(4):
        where = f"{{project: {{tasks: {{some: {where}}}}}}}"
    query = f"subscription {{ live {{ tasks(where: {where}) {{ totalCount }} }} }}"
    with pytest.raises(QueryTooComplex) as refused:
        await followers.follow(query, owner_id)
    assert refused.value.field is not None
    assert refused.value.field.startswith("live.tasks.where")
