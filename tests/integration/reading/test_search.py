"""`search`: what it finds in each table that has it, in which order, and by which index."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner import pages
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from models.search import SEARCHES
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.factories import (
    AnyRow,
    make_cc_log,
    make_file_operation,
    make_instance,
    make_mcp_message,
    make_project,
    make_session,
    make_system_log,
    make_task,
    make_user,
)

SEARCHED = {
    "Project": "name",
    "Task": "name",
    "SystemLog": "message",
    "CcLog": "message",
    "FileOperation": "filePath",
    "McpMessage": "method",
}
"""The types that can be searched, and a field that is."""

TEXTS = {
    "kanji": "東京都の設定",
    "other way round": "京都の東の設定",
    "kana": "サーバーを再起動しました",
    "english": "Connection refused by host",
    "mixed": "設定errorを確認",
    "emoji": "deploy 🚀 finished",
    "quotes": 'it\'s "quoted" text',
    "percent": "100% of quota_limit",
    "backslash": r"C:\temp\new folder",
}

FOUND: list[tuple[str, set[str]]] = [
    ("東京", {"kanji"}),
    ("東京 設定", {"kanji"}),
    ("設定", {"kanji", "other way round", "mixed"}),
    ("京", {"kanji", "other way round"}),
    ("大阪", set()),
    ("サーバー", {"kana"}),
    ("ｻｰﾊﾞｰ", {"kana"}),
    ("再起", {"kana"}),
    ("を", {"kana", "mixed"}),
    ("connection", {"english"}),
    ("HOST Refused", {"english"}),
    ("refuse", set()),
    ("a", set()),
    ("error 確認", {"mixed"}),
    ("ＥＲＲＯＲ", {"mixed"}),
    ("error 東京", set()),
    ("🚀 finished", {"emoji"}),
    ("🚀", set()),
    ("it's", {"quotes"}),
    ('"quoted"', {"quotes"}),
    ("'", set()),
    ("'); DROP TABLE tasks; --", set()),
    ("100%", {"percent"}),
    ("quota_limit", {"percent"}),
    ("%", set()),
    ("_", set()),
    (r"C:\temp", {"backslash"}),
    (r"\new", {"backslash"}),
    ("\\", set()),
    ("error | host", set()),
    ("!error", {"mixed"}),
    ("conn:*", set()),
    ("東京 " * 10_000, {"kanji"}),
    ("x" * 100_000, set()),
    ("", set()),
    (" \t\n", set()),
    ("。、・", set()),
]
"""What is searched for, and the names of the texts that are found. A search without words finds nothing."""

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Make = Callable[[str], Awaitable[AnyRow]]


async def makers(connection: AsyncConnection, person: AnyRow) -> dict[str, Make]:
    """How to add a row of each type, with the searched text, that this person may see."""
    project = await make_project(connection, owner_id=person.id, description=None)
    instance = await make_instance(connection, project_id=project.project_id)
    session = await make_session(connection, user_id=person.id)
    whose = {"user_id": person.id}
    where = {"cc_instance_id": instance.id}

    return {
        "Project": lambda text: make_project(connection, owner_id=person.id, name=text, description=None),
        "Task": lambda text: make_task(
            connection, project_id=project.project_id, name=text, description=None
        ),
        "SystemLog": lambda text: make_system_log(connection, **whose, message=text),
        "CcLog": lambda text: make_cc_log(connection, **where, message=text),
        "FileOperation": lambda text: make_file_operation(
            connection, **whose, session_id=session.session_id, file_path=text
        ),
        "McpMessage": lambda text: make_mcp_message(connection, **where, method=text, params=None),
    }


def test_every_type_that_can_be_searched_is_tried() -> None:
    assert SEARCHED.keys() == {table.name for table in CATALOG.types.values() if table.search is not None}


async def test_what_is_searched_for_is_found_in_every_table_by_whoever_may_see_it(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    for make in (await makers(connection, ann)).values():
        for text in TEXTS.values():
            await make(text)
    lists = " ".join(
        f"{name}: {CATALOG.types[name].connection}(search: $search)"
        f" {{ totalCount nodes {{ text: {field} }} }}"
        for name, field in SEARCHED.items()
    )
    for search, names in FOUND:
        seen = await asker.ask(f"query ($search: String!) {{ {lists} }}", ann, search=search)
        for name in SEARCHED:
            texts = {node["text"] for node in seen[name]["nodes"]}
            assert texts == {TEXTS[found] for found in names}, (name, search[:50])
            assert seen[name]["totalCount"] == len(names)
        hidden = await asker.ask(f"query ($search: String!) {{ {lists} }}", ben, search=search)
        assert all(found == {"totalCount": 0, "nodes": []} for found in hidden.values()), search[:50]


def listing(name: str) -> str:
    """A document for one searched list, with an argument for everything that a list can be asked."""
    table = CATALOG.types[name]
    return (
        f"query ($search: String, $where: {name}Where, $orderBy: [{name}Order!], $first: Int,"
        f" $after: String, $last: Int, $before: String) {{ list: {table.connection}(search: $search,"
        " where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {"
        f" totalCount nodes {{ text: {SEARCHED[name]} }}"
        " pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"
    )


async def walk(asker: Asker, viewer: AnyRow, name: str, near: str, **arguments: Any) -> list[str]:
    """The texts of a list that is read in pages of three, from the start (`first`) or the end (`last`)."""
    beyond, more, end = {
        "first": ("after", "hasNextPage", "endCursor"),
        "last": ("before", "hasPreviousPage", "startCursor"),
    }[near]
    texts: list[str] = []
    while True:
        found = (await asker.ask(listing(name), viewer, **arguments, **{near: 3}))["list"]
        page = [node["text"] for node in found["nodes"]]
        texts = [*texts, *page] if near == "first" else [*page, *texts]
        assert found["totalCount"] == 4
        if not found["pageInfo"][more]:
            return texts
        assert len(page) == 3
        arguments[beyond] = found["pageInfo"][end]


@pytest.mark.parametrize("name", SEARCHED)
async def test_what_is_found_is_ordered_filtered_and_paged(
    asker: Asker, connection: AsyncConnection, name: str
) -> None:
    ann = await make_user(connection)
    make = (await makers(connection, ann))[name]
    for letter, count in {"b": 4, "e": 1, "a": 2, "d": 5, "c": 3}.items():
        await make(f"{letter} " + "東京 alpha " * count)
    await make("nothing of the kind")
    field = SEARCHED[name]
    where = {"not": {field: {"startsWith": "c"}}}
    orders: list[tuple[dict[str, Any], str]] = [
        ({}, "dbae"),
        ({"orderBy": [{"rank": "DESC"}]}, "dbae"),
        ({"orderBy": [{"rank": "ASC"}]}, "eabd"),
        ({"orderBy": [{field: "ASC"}]}, "abde"),
        ({"orderBy": [{field: "DESC"}, {"rank": "ASC"}]}, "edba"),
    ]

    for search in ("alpha", "東京", "東"):
        for order, letters in orders:
            for near in ("first", "last"):
                texts = await walk(asker, ann, name, near, search=search, where=where, **order)
                assert "".join(text[0] for text in texts) == letters, (search, order, near)


@pytest.mark.parametrize("nearby", [0, 1, 2, 200])
@pytest.mark.parametrize(
    ("name", "is_admin"), [("SystemLog", True), ("SystemLog", False), ("FileOperation", False)]
)
async def test_what_is_found_comes_in_the_order_of_time_however_far_it_lies_apart(
    asker: Asker,
    connection: AsyncConnection,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_admin: bool,
    nearby: int,
) -> None:
    monkeypatch.setattr(pages, "NEARBY", nearby)
    monkeypatch.setattr(pages, "STRETCH", max(nearby, 1))
    ann, ben = await make_user(connection, is_admin=is_admin), await make_user(connection)
    chance = random.Random(nearby)
    wanted = set(chance.sample(range(40), 4))
    for person in (ann,) if is_admin else (ann, ben):
        make = (await makers(connection, person))[name]
        for number in range(40):
            row = await make(
                f"{number:02} 東京都 alpha" if number in wanted else f"{number:02} 京都の東京 beta"
            )
            # Months apart, and some of them at the same moment.
            await connection.execute(
                sql(f"UPDATE {CATALOG.types[name].table} SET created_at = :at WHERE id = :id"),
                {"at": NOON + timedelta(days=number // 4 * 20), "id": row.id},
            )
    where = {"not": {SEARCHED[name]: {"startsWith": "x"}}}
    expected = sorted(wanted)

    for search in ("alpha", "東京都"):
        for direction, numbers in (("ASC", expected), ("DESC", expected[::-1])):
            for end in ("first", "last"):
                order = [{"createdAt": direction}]
                texts = await walk(asker, ann, name, end, search=search, where=where, orderBy=order)
                assert [int(found[:2]) for found in texts] == numbers, (search, direction, end)


async def test_a_search_is_no_condition_when_it_is_left_out_and_an_error_when_it_is_null(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    makes = await makers(connection, ann)
    for name, make in makes.items():
        await make("a text")
        whole = await asker.ask(listing(name), ann)
        assert {"text": "a text"} in whole["list"]["nodes"]
        for given in (None, "a\0b"):
            error = await asker.refusal(listing(name), ann, search=given)
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["extensions"]["field"] == "list.search"
        error = await asker.refusal(listing(name), ann, orderBy=[{"rank": "DESC"}])
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "needs a `search`" in error["message"]


@pytest.mark.parametrize("name", SEARCHED)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"orderBy": [{"rank": "ASC"}]},
        {"orderBy": [{"id": "DESC"}], "first": 3},
        {"where": {"id": {"isNull": False}}, "last": 3},
    ],
    ids=["best first", "worst first", "own order", "last page"],
)
async def test_the_planned_statement_finds_what_is_searched_for_by_the_index(
    database_url: str, name: str, arguments: dict[str, Any]
) -> None:
    operation = Preparation(SCHEMA._schema, Limits()).operation(listing(name), None)
    connection = await asyncpg.connect(database_url)
    try:
        for search in ("東京", "東", "error", "設定 error", "src/search_index.py"):
            given = operation.variables(SCHEMA._schema, {"search": search, **arguments}).coerced
            plan = operation.root_plan(CATALOG, given, is_admin=True).plan
            assert plan is not None
            # An empty table is read as a whole unless nothing but a bitmap is left.
            for way in ("seqscan", "indexscan", "indexonlyscan"):
                await connection.execute(f"SET enable_{way} = off")
            rows = await connection.fetch(f"EXPLAIN {plan.sql}", *plan.bind(0, given))
            text = "\n".join(row[0] for row in rows)
            assert "Index Cond: (ccgraph_tsvector(" in text, text
            assert "Filter: (ccgraph_tsvector(" not in text, text
            if arguments or SEARCHES[CATALOG.types[name].table].texts is None:
                assert "Seq Scan" not in text, text
            else:  # the newest rows of the whole table are looked at, too
                assert "on idx_file_paths_search" in text, text
    finally:
        await connection.close()
