"""Who sees what: exactly the rows of docs/security.md, and nothing by any detour."""

import orjson
from hypothesis import note
from hypothesis.strategies import DataObject, integers, sampled_from

from gql.execution.api import Api, OperationRequest
from gql.planner.catalog import TableType
from gql.request.limits import Limits
from tests.integration.reading.conftest import CATALOG, SCHEMA, Stage, ask, context
from tests.support.drawing import Loop, drive, examples
from tests.support.plain.values import shown
from tests.support.queries import Query, QueryWriter
from tests.support.stored import stored

EXAMPLES = examples(80)
UNBOUNDED = Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12)
COUNT_HIDDEN_ROWS = frozenset({"isReady"})
"""docs/security.md names it: an answer that leaves out hidden tasks would be wrong."""


async def test_everybody_sees_exactly_the_rows_that_are_theirs_to_see(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    lists = " ".join(
        f"{table.name}: {table.connection}(first: 500)"
        f" {{ totalCount nodes {{ {' '.join(column.field for column in table.order)} }} }}"
        for table in stored(CATALOG)
    )
    for seer in stage.people.values():
        found = await ask(api, context(stage.database, seer), f"{{ {lists} }}")
        for table in stored(CATALOG):
            expected = [
                {column.field: shown(column, row[column.name]) for column in table.order}
                for row in stage.world.visible(seer, table.name)
            ]
            assert found[table.name]["nodes"] == expected, (seer, table.name)
            assert found[table.name]["totalCount"] == len(expected)


def test_the_people_of_the_stage_see_what_their_kinds_should(stage: Stage) -> None:
    sees = {
        kind: {table: len(stage.world.visible(seer, table)) for table in ("Session", "Project", "Task")}
        for kind, seer in stage.people.items()
    }
    public = sees["stranger"]["Project"]
    assert sees["administrator"]["Session"] > 4
    assert sees["stranger"]["Session"] == 0
    assert sees["guest"] == {**sees["stranger"], "Session": 1}
    assert [sees[kind]["Session"] for kind in ("late", "gone", "refused", "host")] == [0, 0, 0, 0]
    assert [sees[kind]["Project"] for kind in ("owner", "editor", "viewer")] == [public + 1] * 3


async def test_no_relation_leads_to_what_one_may_not_see(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    for kind in ("editor", "guest", "stranger", "person 2"):
        seer = stage.people[kind]
        narrowed = await stage.narrowed(seer)
        for table in stored(CATALOG):
            document = every_relation(table)
            whole = await ask(api, context(stage.database, seer), document)
            assert whole == await ask(api, context(narrowed, seer), document), (kind, document)


def every_relation(table: TableType) -> str:
    """A document that goes through each relation of a table in every way: shown, filtered and ordered by."""
    key = " ".join(column.field for column in table.order)
    shown = [key]
    if table.name == "CcInstance":
        shown.append("depth ancestors { nodes { id } } descendants { nodes { id } }")
    arguments = []
    for relation in table.relations.values():
        target = CATALOG.types[relation.target]
        name, field = relation.field, target.order[0].field
        keys = " ".join(column.field for column in target.order)
        if relation.is_list:
            shown.append(f"{name} {{ totalCount nodes {{ {keys} }} }}")
            nothing = f"{{{field}: {{isNull: true}}}}"
            arguments += [
                f"where: {{{name}: {{{condition}}}}}"
                for condition in ("some: {}", "none: {}", f"every: {nothing}")
            ]
        else:
            shown.append(f"{name} {{ {keys} }}")
            arguments += [
                f"orderBy: [{{{name}: {{{field}: ASC}}}}]",
                f"where: {{{name}: {{{field}: {{isNull: false}}}}}}",
            ]
    lists = [
        f"by{number}: {table.connection}(first: 500, {argument}) {{ nodes {{ {key} }} }}"
        for number, argument in enumerate(arguments)
    ]
    return f"{{ all: {table.connection}(first: 500) {{ nodes {{ {' '.join(shown)} }} }} {' '.join(lists)} }}"


async def test_what_one_may_not_see_changes_no_answer(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    people = sorted(kind for kind, seer in stage.people.items() if not seer.is_admin)

    def compare(draw: DataObject, loop: Loop) -> None:
        kind = draw.draw(sampled_from(people))
        seer = stage.people[kind]
        writer = QueryWriter(
            SCHEMA._schema, CATALOG, stage.world, draw, search=True, without=COUNT_HIDDEN_ROWS
        )
        query = writer.write() if draw.draw(integers(0, 5)) else _continued(stage, writer, draw, loop)
        note(f"{kind}: {seer}\n{query.text}\n{query.variables}")
        databases = (stage.database, loop.wait(stage.narrowed(seer)))
        whole, narrowed = (
            loop.wait(api.execute(OperationRequest(query.text, query.variables), context(each, seer))).body
            for each in databases
        )
        assert orjson.loads(whole) == orjson.loads(narrowed)
        assert whole == narrowed

    await drive(compare, EXAMPLES)


def _continued(stage: Stage, writer: QueryWriter, draw: DataObject, loop: Loop) -> Query:
    """A list in some order, from the cursor of a row that an administrator sees in it."""
    table = writer.pick(stored(CATALOG))
    order = writer.literal([writer.order(table, 2) for _ in range(draw.draw(integers(1, 2)))])
    edges = f"list: {table.connection}(first: 500, orderBy: {order}) {{ edges {{ cursor }} }}"
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    found = loop.wait(ask(api, context(stage.database, stage.people["administrator"]), f"{{ {edges} }}"))[
        "list"
    ]["edges"]
    cursor = writer.pick(found)["cursor"] if found else ""
    near, beyond = writer.pick([("first", "after"), ("last", "before")])
    text = (
        f"query ($c: String) {{ list: {table.connection}({near}: 4, {beyond}: $c, orderBy: {order}) {{"
        f" nodes {{ {' '.join(table.columns)} }} totalCount pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    return Query(text, {"c": cursor})
