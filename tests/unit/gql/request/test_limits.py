"""Depth, aliases and cost: what they count, and that counting stays linear in the document."""

import time
from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from gql.request.limits import (
    LARGEST_TOLD,
    Limits,
    Measure,
    Rows,
    check_cost,
    measure,
    refuse_long_numbers,
    refuse_many_definitions,
    refuse_many_lines,
)
from services.core.errors import BadInput, QueryTooComplex

SCHEMA = build_schema("""
    interface Node { nodeId: ID! }
    type Query {
      me: User
      projects(first: Int, last: Int, after: String): ProjectConnection!
      nodes(nodeIds: [ID!]!): [Node]!
    }
    type User { id: Int! projects(first: Int, last: Int): ProjectConnection! }
    type Project implements Node { nodeId: ID! name: String owner: User tasks(first: Int): TaskConnection! }
    type Task implements Node { nodeId: ID! name: String project: Project ancestors: [Task!]! }
    type ProjectConnection {
      nodes: [Project!]! edges: [ProjectEdge!]! pageInfo: PageInfo! totalCount: Int! groups: [Group!]!
    }
    type ProjectEdge { cursor: String! node: Project! }
    type TaskConnection { nodes: [Task!]! pageInfo: PageInfo! }
    type PageInfo { hasNextPage: Boolean! }
    type Group { count: Int! }
    """)

GENEROUS = Limits(depth=50, aliases=1_000)
A_LOT = 20.0
"""Seconds of the processor: what doubles with every level takes years."""


def measured(query: str, limits: Limits = GENEROUS) -> Measure:
    document = parse(query)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return measure(SCHEMA, document, operation, limits)


def cost(query: str, **variables: Any) -> int:
    return measured(query).cost(variables)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("{ me { id } }", 1),
        ("{ projects { nodes { name } } }", 50),
        ("{ projects(first: 20) { nodes { name } } }", 20),
        ("{ projects(last: 7) { nodes { name } } }", 7),
        ("{ projects(first: null, last: 7) { nodes { name } } }", 7),
        ("{ projects(first: 0) { nodes { name } } }", 0),
        ("{ projects(first: 100000) { nodes { name } } }", 500),
        ("{ projects(first: 20) { nodes { owner { id } } } }", 40),
        ("{ projects(first: 20) { edges { cursor node { owner { id } } } } }", 40),
        ("{ projects(first: 20) { nodes { tasks(first: 10) { nodes { project { name } } } } } }", 420),
        ("{ projects(first: 20) { pageInfo { hasNextPage } totalCount } }", 20),
        ("{ projects(first: 20) { nodes { name } groups { count } } }", 70),
        ("{ projects(first: 20) { aggregate { percentile(p: 0.5) { totalSessions } } } }", 72),
        ('{ nodes(nodeIds: ["a", "b", "c"]) { nodeId } }', 3),
        ("{ me { projects(first: 2) { nodes { tasks { nodes { ancestors { name } } } } } } }", 5_103),
        ("{ __schema { types { name } } }", 2),
        ("{ unknown { unknown { x } } }", 2),
    ],
)
def test_the_cost_is_the_rows_that_could_come_back(query: str, rows: int) -> None:
    assert cost(query) == rows


def test_a_page_size_may_come_from_a_variable() -> None:
    query = "query ($n: Int) { projects(first: 2) { nodes { tasks(first: $n) { nodes { name } } } } }"

    assert cost(query, n=30) == 62
    assert cost(query, n=None) == cost(query) == 102
    assert cost(query, n=1_000_000) == 1_002
    assert cost(query.replace("Int)", "Int = 4)", 1)) == 10


def test_a_list_of_keys_may_come_from_a_variable() -> None:
    query = "query ($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } }"

    assert cost(query, ids=["a", "b"]) == 2


def test_a_fragment_counts_wherever_it_is_spread() -> None:
    query = """
        query ($n: Int) { a: projects(first: 3) { ...P } b: projects(first: $n) { ...P } }
        fragment P on ProjectConnection { nodes { x: name ...Q } }
        fragment Q on Project { tasks(first: 5) { nodes { name } } }
    """

    measure_of_query = measured(query)

    assert measure_of_query.cost({"n": 10}) == 3 * 6 + 10 * 6
    assert measure_of_query.aliases == 4
    assert measure_of_query.depth == 5


def test_depth_is_that_of_the_deepest_field() -> None:
    assert measured("{ me { id } __typename }").depth == 2

    with pytest.raises(QueryTooComplex) as refusal:
        measured("{ me { projects { nodes { name } } } }", Limits(depth=3))

    assert refusal.value.details["limit"] == 3


def test_depth_counts_through_a_fragment_that_was_first_met_higher_up() -> None:
    query = (
        "{ me { ...U } projects { nodes { owner { ...U } } } } fragment U on User { projects { totalCount } }"
    )

    assert measured(query).depth == 5
    with pytest.raises(QueryTooComplex):
        measured(query, Limits(depth=4))


def test_too_many_aliases_are_refused() -> None:
    query = "{ " + " ".join(f"a{index}: __typename" for index in range(11)) + " }"

    with pytest.raises(QueryTooComplex, match="11 aliases, at most 10"):
        measured(query, Limits(aliases=10))


def test_fields_count_wherever_their_fragment_is_spread() -> None:
    query = (
        "{ me { ...U } projects { nodes { owner { ...U } } } }"
        " fragment U on User { id ...V } fragment V on User { id }"
    )

    assert measured(query, Limits(tokens=8)).depth == 4
    with pytest.raises(QueryTooComplex, match="8 fields, at most 7"):
        measured(query, Limits(tokens=7))


def test_no_count_is_told_that_json_cannot_carry() -> None:
    twofold = "{ me { ...F0 } }" + "".join(
        f"fragment F{level} on User {{ a: id ...F{level + 1} ...F{level + 1} }}" for level in range(90)
    )
    with pytest.raises(QueryTooComplex) as aliases:
        measured(twofold + "fragment F90 on User { id }")
    with pytest.raises(QueryTooComplex) as cost:
        check_cost(Measure(1, 0, Rows(500**12)), {}, Limits())

    assert aliases.value.details == {"aliases": LARGEST_TOLD, "limit": 1_000}
    assert cost.value.details == {"cost": LARGEST_TOLD, "limit": 1_000_000}


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("query Q# { me { id } } ", "51 operations, at most 50"),
        ("fragment F# on User { id } ", "251 fragments, at most 250"),
    ],
)
def test_a_document_has_so_many_definitions_and_no_more(text: str, refusal: str) -> None:
    limit = int(refusal.split()[0]) - 1
    refuse_many_definitions(parse("".join(text.replace("#", str(number)) for number in range(limit))))
    with pytest.raises(QueryTooComplex, match=refusal):
        refuse_many_definitions(parse("".join(text.replace("#", str(number)) for number in range(limit + 1))))


def test_a_document_has_so_many_lines_and_no_more() -> None:
    refuse_many_lines("\n" * 20_000)
    with pytest.raises(QueryTooComplex, match="20001 lines"):
        refuse_many_lines("\n" * 20_000 + "\r")


def test_a_cost_past_the_limit_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(QueryTooComplex, match="smaller pages") as refusal:
        check_cost(measured("{ projects(first: 20) { nodes { name } } }"), {}, Limits(cost=19))

    assert refusal.value.details == {"cost": 20, "limit": 19}


def test_fragments_nested_twofold_cost_no_more_time_than_their_text() -> None:
    levels = 40
    query = "{ projects { nodes { ...F0 } } }" + "".join(
        f"fragment F{level} on Project {{ a: tasks {{ nodes {{ project {{ ...F{level + 1} }} }} }}"
        f" b: tasks {{ nodes {{ project {{ ...F{level + 1} }} }} }} }}"
        for level in range(levels)
    )
    query += f"fragment F{levels} on Project {{ name }}"
    begin = time.process_time()

    with pytest.raises(QueryTooComplex):
        measured(query, Limits(depth=1_000, aliases=1_000))

    assert time.process_time() - begin < A_LOT


def test_sizes_from_variables_are_counted_in_linear_time_too() -> None:
    levels = 40
    query = "query ($n: Int) { projects(first: $n) { nodes { ...F0 } } }" + "".join(
        f"fragment F{level} on Project {{ tasks(first: $n) {{ nodes {{ project {{ ...F{level + 1} }} }} }}"
        f" owner {{ projects(first: $n) {{ nodes {{ ...F{level + 1} }} }} }} }}"
        for level in range(levels)
    )
    query += f"fragment F{levels} on Project {{ name }}"
    measure_of_query = measured(query, Limits(depth=1_000, tokens=10**13))
    begin = time.process_time()

    assert measure_of_query.cost({"n": 10}) > 10**levels
    assert time.process_time() - begin < A_LOT


def test_fragments_in_a_circle_end() -> None:
    query = """
        { me { ...A } }
        fragment A on User { id ...B }
        fragment B on User { projects { nodes { owner { ...A } } } }
    """

    assert measured(query).depth == 4


def test_a_long_chain_of_fragments_is_refused_and_does_not_use_up_the_stack() -> None:
    links = 2_000
    query = "{ ...F0 }" + "".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(links))

    with pytest.raises(QueryTooComplex):
        measured(query)


def test_a_page_size_of_many_digits_costs_a_full_page() -> None:
    assert cost("{ projects(first: " + "9" * 10_000 + ") { nodes { name } } }") == 500


def test_a_number_that_python_does_not_convert_is_refused_wherever_it_stands() -> None:
    text = "{ nodes(nodeIds: [" + "1" * 5_000 + "]) { nodeId } }"

    with pytest.raises(BadInput, match="more than 400 digits"):
        refuse_long_numbers(text, parse(text))


def test_as_many_digits_in_a_text_are_no_number() -> None:
    text = '{ nodes(nodeIds: ["' + "1" * 5_000 + '"]) { nodeId } }'

    refuse_long_numbers(text, parse(text))
