"""Cursors that do not belong to a list, and cursors that somebody made up."""

import base64
import json
import re
import string
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner.cursors import Seal
from tests.integration.reading.conftest import Asker, Json
from tests.support.factories import AnyRow, make_project, make_task, make_user

TASKS = "tasks(first: 2, orderBy: [{priority: ASC}]%s) { edges { cursor node { id } } }"


@pytest.fixture
async def ann(connection: AsyncConnection) -> AnyRow:
    """Somebody with five tasks."""
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    for number in range(5):
        await make_task(
            connection, project_id=project.project_id, priority=number + 1, description="東京 error"
        )
    return ann


async def cursor_of(asker: Asker, viewer: AnyRow, connection: str) -> str:
    """The first cursor of a list."""
    data = await asker.ask(f"{{ list: {connection} {{ edges {{ cursor }} }} }}", viewer)
    cursor: str = data["list"]["edges"][0]["cursor"]
    return cursor


async def refused(asker: Asker, viewer: AnyRow, connection: str, cursor: str) -> None:
    """The cursor is refused, in the document and in a variable, before any row is looked for."""
    written = f"{{ {connection % f', after: {orjson.dumps(cursor).decode()}'} }}"
    given = f"query ($c: String) {{ {connection % ', after: $c'} }}"
    for error in (await asker.refusal(written, viewer), await asker.refusal(given, viewer, c=cursor)):
        name = connection.partition("(")[0]
        assert error["extensions"] == {"code": "CURSOR_INVALID", "field": f"{name}.after"}


OTHERS = [
    "tasks",
    "tasks(orderBy: [{priority: DESC}])",
    "tasks(orderBy: [{priority: ASC_NULLS_FIRST}])",
    "tasks(orderBy: [{priority: ASC}, {name: ASC}])",
    "tasks(orderBy: [{name: ASC}])",
    "tasks(orderBy: [{project: {id: ASC}}])",
    "tasks(orderBy: [{inputData: {at: []}}])",
    'tasks(search: "error")',
    "projects(orderBy: [{id: ASC}])",
    "projects",
    "users",
]


async def test_a_cursor_of_another_order_or_table_is_refused(asker: Asker, ann: AnyRow) -> None:
    for other in OTHERS:
        await refused(asker, ann, TASKS, await cursor_of(asker, ann, other))


async def test_a_cursor_of_another_path_is_refused_wherever_the_path_is_written(
    asker: Asker, ann: AnyRow
) -> None:
    by_path = 'tasks(first: 2, orderBy: [{inputData: {at: ["%s"]}}]%%s) { nodes { id } }'
    a, b = by_path % "a", by_path % "b"
    cursor = await cursor_of(asker, ann, 'tasks(orderBy: [{inputData: {at: ["a"]}}])')
    await refused(asker, ann, b, cursor)
    query = (
        "query ($at: [String!]!, $c: String) {"
        " tasks(orderBy: [{inputData: {at: $at}}], after: $c) { nodes { id } } }"
    )
    step = query.replace("$at: [String!]!", "$at: String!").replace("at: $at", "at: [$at]")
    for document in (query, step):
        assert len((await asker.ask(document, ann, at="a", c=cursor))["tasks"]["nodes"]) == 4
        error = await asker.refusal(document, ann, at="b", c=cursor)
        assert error["extensions"]["code"] == "CURSOR_INVALID"
    assert (await asker.ask("{ " + a % f', after: "{cursor}"' + " }", ann))["tasks"]["nodes"]


async def test_a_cursor_of_another_search_is_refused_where_the_search_decides_the_order(
    asker: Asker, ann: AnyRow
) -> None:
    query = "query ($s: String, $c: String) { tasks(search: $s, after: $c) { nodes { id } } }"
    cursor = await cursor_of(asker, ann, 'tasks(search: "error")')
    assert len((await asker.ask(query, ann, s="error", c=cursor))["tasks"]["nodes"]) == 4
    error = await asker.refusal(query, ann, s="東京", c=cursor)
    assert error["extensions"]["code"] == "CURSOR_INVALID"


async def test_a_cursor_with_any_one_character_changed_or_missing_is_refused(
    asker: Asker, ann: AnyRow
) -> None:
    cursor = await cursor_of(asker, ann, "tasks(orderBy: [{priority: ASC}])")
    query = f"query ($c: String) {{ {TASKS % ', after: $c'} }}"
    others = {character: string.ascii_letters[number % 52] for number, character in enumerate(cursor)}
    altered = {
        cursor[:place] + put + cursor[place + 1 :]
        for place in range(len(cursor))
        for put in ("", "=", others[cursor[place]])
    } - {cursor}
    for wrong in [*sorted(altered), "", ".", cursor + "A", cursor + "IA==", " " + cursor, cursor * 2, "東"]:
        error = await asker.refusal(query, ann, c=wrong)
        assert error["extensions"]["code"] == "CURSOR_INVALID", wrong


class Forger:
    """Makes up cursors with a right seal, as somebody can who has read the source."""

    def __init__(self, asker: Asker, viewer: AnyRow, order: str) -> None:
        self.asker = asker
        self.viewer = viewer
        self.query = f"query ($c: String) {{ list: {order} {{ nodes {{ id }} totalCount }} }}"
        self.fingerprint = ""

    async def learn(self) -> None:
        """The order's fingerprint, which stands in the statement."""
        await self.asker.ask(self.query.replace("{ nodes", "{ edges { cursor } nodes"), self.viewer)
        (found,) = set(re.findall(r"convert_to\('([0-9a-f]{12})'", self.asker.planned[-1]))
        self.fingerprint = found

    async def ask(self, values: object) -> Json:
        """The response with a cursor of these values."""
        body = json.dumps(values).encode()
        cursor = f"{Seal(self.fingerprint, None).over(body, {})}.{base64.b64encode(body).decode()}"
        return orjson.loads((await self.asker.execute(self.query, self.viewer, c=cursor)).body)


NO_UUID = "00000000-0000-0000-0000-000000000000"
STRANGE: list[Any] = [
    "x",
    "",
    "\0",
    "\ud800",
    "東",
    True,
    0.5,
    -1,
    10**30,
    float("nan"),
    float("inf"),
    [],
    [1],
    {},
    {"a": None},
    "[",
    "NaN",
    "1e999999999",
    '"\\u0000"',
    '"\\ud800"',
    "[" * 5_000 + "]" * 5_000,
    "infinity",
    "2026-01-01",
    "x" * 50_000,
    None,
]


ORDERS = [
    "priority: ASC",
    "name: DESC",
    "status: ASC",
    "completedAt: ASC",
    "projectId: ASC",
    "inputData: {at: []}",
    "project: {id: ASC}",
    "project: {isPublic: ASC}",
    "project: {configJson: {at: []}}",
]


async def test_a_made_up_cursor_is_a_place_or_is_refused_and_never_a_fault(asker: Asker, ann: AnyRow) -> None:
    for order in ORDERS:
        forger = Forger(asker, ann, f"tasks(orderBy: [{{{order}}}], after: $c)")
        await forger.learn()
        for value in STRANGE:
            for values in ([value, NO_UUID], [None, value], [value], value, [value, NO_UUID, 1]):
                response = await forger.ask(values)
                codes = [error["extensions"]["code"] for error in response.get("errors", [])]
                # PostgreSQL alone can tell that a number has too many digits for it.
                assert codes in ([], ["CURSOR_INVALID"], ["BAD_USER_INPUT"]), (values, codes)
                assert codes or response["data"]["list"]["totalCount"] == 5


async def test_no_made_up_cursor_finds_out_what_stands_in_a_hidden_column_or_row(
    asker: Asker, connection: AsyncConnection, ann: AnyRow
) -> None:
    ben = await make_user(connection, email="m@example.com")
    hidden = await make_project(connection, owner_id=ben.id, name="m")
    await make_task(connection, project_id=hidden.project_id, priority=3, name="m")
    emails = Forger(asker, ann, "users(orderBy: [{email: ASC}], after: $c)")
    tasks = Forger(asker, ann, "tasks(orderBy: [{priority: ASC}], after: $c)")
    owners = Forger(asker, ann, "users(orderBy: [{email: ASC}], where: {projects: {some: {}}}, after: $c)")
    for forger in (emails, tasks, owners):
        await forger.learn()
    around = [await emails.ask([email, 0]) for email in ("a@example.com", "l", "m@example.com", "n", "zz")]
    own = str(ann.email)
    # Ann's own address has a place in the order; everybody else's is nothing, wherever it would stand.
    for email, found in zip(("a@example.com", "l", "m@example.com", "n", "zz"), around, strict=True):
        ids = [node["id"] for node in found["data"]["list"]["nodes"]]
        assert ids == ([ann.id, ben.id] if email < own else [ben.id])
    for priority in range(7):
        found = await tasks.ask([priority, NO_UUID])
        assert found["data"]["list"]["totalCount"] == 5
        assert len(found["data"]["list"]["nodes"]) == 5 - max(priority - 1, 0)
    assert [node["id"] for node in (await owners.ask(["a", 0]))["data"]["list"]["nodes"]] == [ann.id]


async def test_a_cursor_of_somebody_else_shows_only_what_one_sees_oneself(
    asker: Asker, connection: AsyncConnection, ann: AnyRow
) -> None:
    ben = await make_user(connection)
    project = await make_project(connection, owner_id=ben.id)
    mine = [await make_task(connection, project_id=project.project_id, priority=3) for _ in range(3)]
    everything = "{ " + TASKS % "" + " }"
    edges = (await asker.ask(everything.replace("first: 2", "first: 9"), ann))["tasks"]["edges"]
    query = f"query ($c: String) {{ {TASKS % ', after: $c'} }}"
    for number, edge in enumerate(edges):
        found = await asker.ask(query.replace("first: 2", "first: 9"), ben, c=edge["cursor"])
        seen = {each["node"]["id"] for each in found["tasks"]["edges"]}
        behind = {str(task.id) for task in mine} if number < 2 else set()
        assert seen == behind or (number == 2 and seen <= {str(task.id) for task in mine})
