"""Shapes of documents: whatever GraphQL allows in a query is one statement at most."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner.node_ids import make_node_id
from tests.integration.reading.conftest import Asker
from tests.support.factories import AnyRow, make_instance, make_project, make_task, make_user


@pytest.fixture
async def ann(connection: AsyncConnection) -> AnyRow:
    """A person with a project, in which a runner works on the task "b" of the tasks "a", "b" and "c"."""
    person = await make_user(connection)
    project = await make_project(connection, owner_id=person.id, name="p", config_json={"size": [1, 2]})
    runner = await make_instance(connection, project_id=project.project_id, name="runner")
    for name, priority, status in (("a", 1, "PENDING"), ("b", 5, "RUNNING"), ("c", 9, "PENDING")):
        await make_task(
            connection,
            id=UUID(int=priority),
            project_id=project.project_id,
            name=name,
            priority=priority,
            status=status,
            assigned_to=runner.id if name == "b" else None,
        )
    return person


def names(found: Any) -> str:
    """The names of the rows of a list, in its order."""
    return "".join(node["name"] for node in found["nodes"])


async def test_the_schema_is_described_beside_data(asker: Asker, ann: AnyRow) -> None:
    data = await asker.ask(
        """{ before: __schema { queryType { name } }
             tasks(orderBy: [{priority: DESC}]) { nodes { name } }
             __type(name: "TaskStatus") { kind enumValues { name } }
             projects { totalCount } }""",
        ann,
    )
    assert list(data) == ["before", "tasks", "__type", "projects"]
    assert data["before"] == {"queryType": {"name": "Query"}}
    assert names(data["tasks"]) == "cba"
    assert data["__type"]["kind"] == "ENUM"
    assert {"name": "RUNNING"} in data["__type"]["enumValues"]
    assert data["projects"] == {"totalCount": 1}


async def test_every_level_says_its_type(asker: Asker, ann: AnyRow) -> None:
    data = await asker.ask(
        """{ __typename top: __typename
             projects {
               __typename pageInfo { __typename } edges { __typename node { kind: __typename } }
               nodes { __typename owner { __typename }
                 tasks(first: 1) {
                   __typename nodes { __typename name again: __typename }
                   aggregate { __typename avg { __typename priority } }
                   groups(by: [TASK_TYPE]) { __typename key { __typename taskType } min { __typename } }
                 }
               }
             } }""",
        ann,
    )
    assert data == {
        "__typename": "Query",
        "top": "Query",
        "projects": {
            "__typename": "ProjectConnection",
            "pageInfo": {"__typename": "PageInfo"},
            "edges": [{"__typename": "ProjectEdge", "node": {"kind": "Project"}}],
            "nodes": [
                {
                    "__typename": "Project",
                    "owner": {"__typename": "User"},
                    "tasks": {
                        "__typename": "TaskConnection",
                        "nodes": [{"__typename": "Task", "name": "a", "again": "Task"}],
                        "aggregate": {
                            "__typename": "TaskAggregate",
                            "avg": {"__typename": "TaskAvg", "priority": 5},
                        },
                        "groups": [
                            {
                                "__typename": "TaskGroup",
                                "key": {"__typename": "TaskGroupKey", "taskType": "DEVELOPMENT"},
                                "min": {"__typename": "TaskMin"},
                            }
                        ],
                    },
                }
            ],
        },
    }


async def test_a_list_stands_under_several_names_with_arguments_of_its_own(asker: Asker, ann: AnyRow) -> None:
    data = await asker.ask(
        """query ($low: Int!) {
             tasks { totalCount }
             low: tasks(where: {priority: {lte: $low}}) { totalCount nodes { name } }
             high: tasks(where: {priority: {gt: $low}}, orderBy: [{name: DESC}]) { nodes { name } }
             projects { nodes {
               one: tasks(first: 1) { nodes { name title: name } }
               last: tasks(last: 1) { nodes { name } }
               running: tasks(where: {status: {eq: RUNNING}}) { nodes { name } }
             } }
           }""",
        ann,
        low=1,
    )
    assert data["tasks"] == {"totalCount": 3}
    assert data["low"] == {"totalCount": 1, "nodes": [{"name": "a"}]}
    assert names(data["high"]) == "cb"
    (project,) = data["projects"]["nodes"]
    assert project["one"] == {"nodes": [{"name": "a", "title": "a"}]}
    assert [names(project[key]) for key in ("last", "running")] == ["c", "b"]


async def test_fragments_stand_on_node_and_on_types(
    asker: Asker, ann: AnyRow, connection: AsyncConnection
) -> None:
    project = await make_project(connection, owner_id=ann.id, name="q")
    task = await make_task(connection, project_id=project.project_id, name="d")
    ids = [make_node_id("Task", task.id), make_node_id("Project", project.id), make_node_id("User", ann.id)]
    data = await asker.ask(
        """query ($ids: [ID!]!, $id: ID!) {
             node(nodeId: $id) { ...Any ...Named ... on User { username } }
             nodes(nodeIds: $ids) { ... on Project { name } ...Any ...Named ... on User { username } }
             tasks(where: {name: {eq: "d"}}) { ...Page ... { totalCount } nodes { ... on Node { nodeId } } }
           }
           fragment Page on TaskConnection { nodes { ...Named ...Named name } }
           fragment Any on Node { nodeId kind: __typename ...Own }
           fragment Own on Task { priority }
           fragment Named on Task { name project { ...Any ... on Project { name } } }""",
        ann,
        ids=ids,
        id=ids[0],
    )
    whole = {"nodeId": ids[1], "kind": "Project", "name": "q"}
    row = {"nodeId": ids[0], "kind": "Task", "priority": task.priority, "name": "d", "project": whole}
    person = {"nodeId": ids[2], "kind": "User", "username": ann.username}
    assert data == {
        "node": row,
        "nodes": [row, whole, person],
        "tasks": {"nodes": [{"name": "d", "project": whole, "nodeId": ids[0]}], "totalCount": 1},
    }


async def test_fields_are_left_out_and_taken_in_on_every_level(asker: Asker, ann: AnyRow) -> None:
    query = """query ($yes: Boolean!, $no: Boolean! = false) {
      without: tasks @skip(if: $yes) { totalCount }
      with: tasks(orderBy: [{name: ASC}]) @include(if: $yes) {
        totalCount @skip(if: $yes)
        nodes {
          name
          priority @include(if: $yes) @skip(if: $no)
          status @include(if: $yes) @skip(if: $yes)
          project @skip(if: $yes) { name }
          ...Runner @include(if: $yes)
        }
      }
      ... @skip(if: $yes) { projects { nodes { name } } }
    }
    fragment Runner on Task { assignedTo { name } }"""
    taken: Any = {
        "with": {
            "nodes": [
                {"name": "a", "priority": 1, "assignedTo": None},
                {"name": "b", "priority": 5, "assignedTo": {"name": "runner"}},
                {"name": "c", "priority": 9, "assignedTo": None},
            ]
        }
    }
    left = {"without": {"totalCount": 3}, "projects": {"nodes": [{"name": "p"}]}}
    for yes, expected in ((True, taken), (False, left), (True, taken)):
        assert await asker.ask(query, ann, yes=yes) == expected
    for node in taken["with"]["nodes"]:
        node.pop("priority")
    assert await asker.ask(query, ann, yes=True, no=True) == taken


async def test_everything_may_be_left_out(asker: Asker, ann: AnyRow) -> None:
    root = "query ($no: Boolean!) { tasks @include(if: $no) { totalCount } __typename @include(if: $no) }"
    assert await asker.ask(root, ann, no=False) == {}
    assert not asker.planned
    nested = """query ($no: Boolean!) {
      tasks { totalCount @include(if: $no) }
      projects { nodes { name @include(if: $no) tasks { nodes { id @include(if: $no) } } }
                 pageInfo { endCursor @include(if: $no) } aggregate { count @include(if: $no) } }
    }"""
    assert await asker.ask(nested, ann, no=False) == {
        "tasks": {},
        "projects": {
            "nodes": [{"tasks": {"nodes": [{}, {}, {}]}}],
            "pageInfo": {},
            "aggregate": {},
        },
    }


PLACES: list[tuple[str, str, Any]] = [
    ("$v: Int", "tasks(first: {}) { nodes { name } }", 2),
    ("$v: Int", "tasks(last: {}) { nodes { name } }", 2),
    ("$v: TaskWhere", "tasks(where: {}) { nodes { name } }", {"priority": {"gt": 1}}),
    ("$v: IntFilter", "tasks(where: {priority: {}}) { nodes { name } }", {"in": [1, 9]}),
    ("$v: Int!", "tasks(where: {priority: {in: [1, {}]}}) { nodes { name } }", 5),
    ("$v: [Int!]", "tasks(where: {priority: {notIn: {}}}) { nodes { name } }", [5]),
    (
        "$v: TaskWhere!",
        "tasks(where: {or: [{priority: {eq: 1}}, {}]}) { nodes { name } }",
        {"name": {"eq": "b"}},
    ),
    ("$v: String", "tasks(where: {project: {name: {like: {}}}}) { totalCount }", "p%"),
    ("$v: TaskListWhere", "projects(where: {tasks: {}}) { totalCount }", {"some": {"name": {"eq": "c"}}}),
    ("$v: JSON", "projects(where: {configJson: {contains: {}}}) { totalCount }", {"size": [2]}),
    ("$v: String!", 'projects(where: {configJson: {path: {at: [{}, "1"], eq: 2}}}) { totalCount }', "size"),
    ("$v: TaskOrder!", "tasks(orderBy: [{}]) { nodes { name } }", {"priority": "DESC"}),
    ("$v: Direction!", "tasks(orderBy: [{assignedTo: {name: {}}}]) { nodes { name } }", "DESC_NULLS_LAST"),
    ("$v: String", "tasks(search: {}) { nodes { name } }", "b"),
    ("$v: TaskGroupBy!", "tasks { groups(by: [{}]) { key { status } count } }", "STATUS"),
    ("$v: Int", "tasks { groups(by: [NAME], first: {}) { key { name } } }", 2),
    ("$v: Int", "projects { nodes { tasks(first: {}, orderBy: [{name: DESC}]) { nodes { name } } } }", 1),
]
"""Where a variable may stand: its declaration, a document in which `{}` is its place, and its value."""


def literal(value: Any) -> str:
    """A value as a document writes it; texts in capitals are members of enums."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return value if isinstance(value, str) and value.isupper() else repr(value).replace("'", '"')


async def test_a_variable_means_in_every_place_what_the_value_itself_would(asker: Asker, ann: AnyRow) -> None:
    for declaration, document, value in PLACES:
        written = await asker.ask(f"{{ {document.replace('{}', literal(value))} }}", ann)
        document = document.replace("{}", "$v")
        given = await asker.ask(f"query ({declaration}) {{ {document} }}", ann, v=value)
        with_default = f"query ({declaration} = {literal(value)}) {{ {document} }}"
        assert given == written, document
        assert await asker.ask(with_default, ann) == written, document


async def test_a_default_holds_until_a_value_is_given(asker: Asker, ann: AnyRow) -> None:
    query = """query ($first: Int = 1, $order: [TaskOrder!] = [{priority: DESC}], $least: Int = 5) {
      tasks(first: $first, orderBy: $order, where: {priority: {gte: $least}}) { totalCount nodes { name } }
    }"""
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({}, 2, "c"),
        ({"first": 2}, 2, "cb"),
        ({"first": None}, 2, "cb"),
        ({"least": 0, "first": 500}, 3, "cba"),
        ({"order": [{"name": "ASC"}]}, 2, "b"),
    ]
    for given, count, found in cases:
        data = await asker.ask(query, ann, **given)
        assert (data["tasks"]["totalCount"], names(data["tasks"])) == (count, found), given


async def test_a_variable_that_is_not_given_leaves_its_place_empty(asker: Asker, ann: AnyRow) -> None:
    query = """query ($first: Int, $where: TaskWhere, $least: Int, $order: [TaskOrder!], $words: String) {
      tasks(first: $first, where: $where, orderBy: $order, search: $words) { nodes { name } }
      some: tasks(where: {priority: {gte: $least, lt: 9}}) { nodes { name } }
    }"""
    data = await asker.ask(query, ann)
    assert (names(data["tasks"]), names(data["some"])) == ("abc", "ab")
    data = await asker.ask(query, ann, least=5)
    assert (names(data["tasks"]), names(data["some"])) == ("abc", "b")


async def test_a_variable_that_is_null_is_an_error_except_for_the_page(asker: Asker, ann: AnyRow) -> None:
    query = """query ($first: Int, $after: String, $where: TaskWhere, $least: Int, $order: [TaskOrder!]) {
      tasks(first: $first, after: $after, where: $where, orderBy: $order) { nodes { name } }
      some: tasks(where: {priority: {gte: $least}}) { nodes { name } }
    }"""
    data = await asker.ask(query, ann, first=None, after=None)
    assert names(data["tasks"]) == "abc"
    for name, field in (
        ("where", "tasks.where"),
        ("order", "tasks.orderBy"),
        ("least", "some.where.priority.gte"),
    ):
        error = await asker.refusal(query, ann, **{name: None})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": field}


async def test_one_value_stands_for_a_list_of_it(asker: Asker, ann: AnyRow) -> None:
    query = """query ($order: [TaskOrder!], $status: [TaskStatus!], $ids: [ID!]!, $by: [TaskGroupBy!]!) {
      written: tasks(orderBy: {name: DESC}, where: {status: {in: PENDING}, and: {priority: {gt: 0}}}) {
        nodes { name } groups(by: STATUS) { key { status } count }
      }
      given: tasks(orderBy: $order, where: {status: {in: $status}}) {
        nodes { name } groups(by: $by) { key { status } count }
      }
      projects(where: {configJson: {path: {at: "size", isNull: false}}}) { totalCount }
      nodes(nodeIds: $ids) { __typename }
    }"""
    given = {"order": {"name": "DESC"}, "status": "PENDING", "by": "STATUS"}
    data = await asker.ask(query, ann, **given, ids=make_node_id("User", ann.id))
    assert names(data["written"]) == "ca"
    assert data["written"]["groups"] == [{"key": {"status": "PENDING"}, "count": 2}]
    assert data["given"] == data["written"]
    assert data["projects"] == {"totalCount": 1}
    assert data["nodes"] == [{"__typename": "User"}]
