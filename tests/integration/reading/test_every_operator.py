"""Every operator that the schema offers, on every column of every table, with odd values."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.execution.api import Api, OperationRequest
from gql.planner.aggregates import FUNCTIONS, PERCENTILE
from gql.planner.catalog import TableType
from gql.planner.column_types import ColumnType
from gql.planner.groups import group_keys
from gql.planner.operators import operators_of
from gql.request.limits import Limits
from services.core.database import Database
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.factories import AnyRow, make_user
from tests.support.statements import Statements
from tests.support.world import make_world

pytestmark = pytest.mark.timeout(600)

TYPES = SCHEMA._schema.type_map
API = Api(SCHEMA, CATALOG, Limits(aliases=10_000, tokens=100_000, cost=10**9))
LISTS = {
    name: table for name, table in CATALOG.types.items() if f"{name}Where" in TYPES and not table.is_single
}
TEXTS = (
    *(
        "",
        " ",
        "%",
        "_",
        "a\\",
        "\\",
        "\\\\",
        "%\\",
        "a\0b",
        "\0",
        "\ud800",
        "\U0001f600é東",
        "'",
        '"',
        "$1",
        ":x",
    ),
    *("127.", "::1", "fe80::1%eth0", "192.0.2.1/33", "192.0.2.0/24", "x" * 10_000, "\u202e", "\r\n\u2028"),
)
ODD: dict[str, tuple[Any, ...]] = {
    "String": TEXTS,
    "ID": TEXTS,
    "Int": (0, -1, 2**31 - 1, -(2**31), 2**31, 10**300, 1.5, "1"),
    "Float": (0, -0.0, 1e308, -1e308, 5e-324, 10**400, "x"),
    "BigInt": (
        "0",
        "-9223372036854775808",
        "9223372036854775808",
        "+1",
        "01",
        "-0",
        "１２",
        "1_0",
        2**63,
        1e18,
    ),
    "Boolean": (True, False, 1, "true"),
    "UUID": (
        "0" * 32,
        "F" * 32,
        "+" + "1" * 31,
        "0197a1b2-0000-7000-8000-00000000000_",
        "{" + "0" * 32 + "}",
    ),
    "DateTime": (
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999998Z", "2026-01-31t12:00:00.1z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "infinity"),
        *("9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z", "2026-W05-1T00:00:00Z"),
    ),
    "Date": ("0001-01-01", "9999-12-31", "2026-W05-1", "20260131", "infinity", "０001-01-01"),
    "JSON": (
        *(
            None,
            True,
            0,
            -0.0,
            10**19,
            10**400,
            1e400,
            "",
            "\0",
            "\ud800",
            [],
            {},
            {"\0": 1},
            {"a": [1, "x"]},
        ),
        *({"a": {"b": None}}, [[[]]]),
    ),
}
"""By scalar; some of them fit, some do not."""

FITTING: dict[str, Any] = {
    "String": "127.%",
    "Int": 1,
    "Float": 1.5,
    "BigInt": "1",
    "Boolean": True,
    "UUID": "0197a1b2-0000-7000-8000-000000000000",
    "DateTime": "2026-03-01T12:00:00Z",
    "Date": "2026-03-01",
    "JSON": {"a": 1},
}


def values_of(kind: GraphQLInputType, odd: bool) -> Iterator[Any]:
    """Values of an operand, each one that fits, or odd ones."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        for value in values_of(plain.of_type, odd):
            yield [value]
        if odd:
            yield from ([], [None])
    elif isinstance(plain, GraphQLEnumType):
        yield next(iter(plain.values)) if not odd else "NO_SUCH_VALUE"
    elif isinstance(plain, GraphQLInputObjectType):  # conditions at a path
        for name, field in plain.fields.items():
            if name != "at":
                for value in values_of(field.type, odd):
                    yield {"at": ["a"], name: value}
        if odd:
            yield from ({"at": [text], "eq": 1} for text in TEXTS)
            yield from (
                {"at": [], "eq": 1},
                {"at": ["a"]},
                {"at": ["0", "-1", "99999999999999999999"], "eq": 1},
            )
    else:
        yield from ODD[plain.name] if odd else (FITTING[plain.name],)


def filter_of(table: TableType, field: str) -> GraphQLInputObjectType:
    where = TYPES[f"{table.name}Where"]
    assert isinstance(where, GraphQLInputObjectType)
    found = get_nullable_type(where.fields[field].type)
    assert isinstance(found, GraphQLInputObjectType)
    return found


def conditions(table: TableType, *, odd: bool) -> Iterator[dict[str, Any]]:
    """Each column with each operator that its filter has."""
    for column in table.columns.values():
        for operator, field in filter_of(table, column.field).fields.items():
            for value in values_of(field.type, odd):
                fitting = _address(value) if column.kind is ColumnType.ADDRESS and not odd else value
                yield {column.field: {operator: fitting}}
        if odd:
            yield {column.field: {}}


def _address(value: Any) -> Any:
    return (
        ["192.0.2.1", "2001:db8::1"] if isinstance(value, list) else value if value is True else "192.0.2.1"
    )


@pytest.fixture
async def people(connection: AsyncConnection) -> list[AnyRow]:
    """An administrator and an ordinary user, beside a world of rows."""
    await make_world(connection, 5, rows=4)
    return [await make_user(connection, is_admin=True), await make_user(connection)]


@pytest.fixture
def asking(database: Database, statements: Statements) -> Asker:
    return Asker(API, database, statements)


async def answer(asker: Asker, viewer: AnyRow, query: str, **variables: Any) -> Any:
    """A response in which every error is the caller's and names its field."""
    result = await asker.api.execute(OperationRequest(query, variables), asker.context(viewer))
    response = orjson.loads(result.body)
    for error in response.get("errors", ()):
        assert error["extensions"]["code"] == "BAD_USER_INPUT", (query, repr(variables)[:300], error)
        assert error["extensions"].get("field"), (query, repr(variables)[:300], error)
        assert not result.executed, (query, repr(variables)[:300], error)
    return response


def test_a_filter_has_the_operators_of_its_columns_kind() -> None:
    for table in LISTS.values():
        for column in table.columns.values():
            assert tuple(filter_of(table, column.field).fields) == operators_of(column.kind), column


def test_addresses_have_no_operators_of_texts() -> None:
    kinds = [(table.name, column) for table in LISTS.values() for column in table.columns.values()]
    addresses = [found for found in kinds if found[1].kind is ColumnType.ADDRESS]
    assert {name for name, _ in addresses} == {"AuthToken", "SystemLog", "WebsocketSession"}
    for _, column in addresses:
        assert not {"like", "ilike", "startsWith", "contains"} & set(operators_of(column.kind))


async def test_every_operator_on_every_column_is_answered(asking: Asker, people: list[AnyRow]) -> None:
    for viewer in people:
        for name, table in LISTS.items():
            each = list(conditions(table, odd=False))
            data = await answer(
                asking,
                viewer,
                f"query($all: [{name}Where!], $w0: {name}Where) {{"
                f"all: {table.connection}(where: {{or: $all}}) {{ totalCount }}"
                f"none: {table.connection}(where: {{not: {{or: $all}}}}) {{ nodes {{ __typename }} }}"
                f"one: {table.connection}(where: $w0) {{ totalCount }} }}",
                all=each,
                w0=each[0],
            )
            assert "errors" not in data, (name, data)


async def test_every_operator_is_answered_through_every_relation(asking: Asker, people: list[AnyRow]) -> None:
    for viewer in people:
        for name, table in LISTS.items():
            for relation in table.relations.values():
                inner = {"or": list(conditions(CATALOG.types[relation.target], odd=False))}
                quantified = (
                    [{key: inner} for key in ("some", "none", "every")] if relation.is_list else [inner]
                )
                data = await answer(
                    asking,
                    viewer,
                    f"query($w: {name}Where) {{ {table.connection}(where: $w) {{ totalCount }} }}",
                    w={"and": [{relation.field: one} for one in quantified]},
                )
                assert "errors" not in data, (name, relation.field, data)


@pytest.mark.parametrize("part", range(3))
async def test_an_odd_value_is_answered_or_refused_by_its_place(
    asking: Asker, people: list[AnyRow], part: int
) -> None:
    for name in sorted(LISTS)[part::3]:
        query = f"query($w: {name}Where) {{ {LISTS[name].connection}(where: $w) {{ totalCount }} }}"
        for where in conditions(LISTS[name], odd=True):
            await answer(asking, people[1], query, w=where)


async def test_every_column_can_be_ordered_grouped_and_measured_by(
    asking: Asker, people: list[AnyRow]
) -> None:
    for viewer in people:
        for table in LISTS.values():
            orders = [
                {
                    column.field: {"at": ["a"], "direction": "DESC"}
                    if column.kind is ColumnType.JSON
                    else "DESC"
                }
                for column in table.columns.values()
            ]
            keys = ", ".join(group_keys(table))
            measures = " ".join(
                f"{figure}{'(p: 0.9)' * (figure == PERCENTILE)} {{ {' '.join(kind.fields)} }}"  # type: ignore[attr-defined]
                for figure in FUNCTIONS
                if (kind := TYPES.get(f"{table.name}{figure.capitalize()}")) is not None
            )
            data = await answer(
                asking,
                viewer,
                f"query($o: [{table.name}Order!]) {{ {table.connection}(first: 2, orderBy: $o) {{"
                f" edges {{ cursor }} aggregate {{ count {measures} }}"
                f" groups(by: [{keys}]) {{ count {measures} }} }} }}",
                o=orders,
            )
            assert "errors" not in data, (table.name, data)


async def test_null_is_answered_or_refused_wherever_an_argument_takes_it(
    asking: Asker, people: list[AnyRow]
) -> None:
    asked = 0
    for table in LISTS.values():
        for argument, kind in _arguments(table).items():
            for value in _with_null(kind, 3):
                asked += 1
                query = (
                    f"query($v: {kind}) {{ {table.connection}({argument}: $v) "
                    f"{{ totalCount edges {{ cursor }} }} }}"
                )
                await answer(asking, people[1], query, v=value)
    assert asked > len(LISTS)


def _arguments(table: TableType) -> dict[str, GraphQLInputType]:
    root = SCHEMA._schema.query_type
    assert root is not None
    return {name: found.type for name, found in root.fields[table.connection].args.items()}


def _with_null(kind: GraphQLInputType, depth: int) -> Iterator[Any]:
    """Null in the place of each value that may be left out."""
    plain = get_nullable_type(kind)
    if plain is kind:
        yield None
    if isinstance(plain, GraphQLList):
        yield from ([value] for value in _with_null(plain.of_type, depth))
    elif isinstance(plain, GraphQLInputObjectType) and depth:
        demanded = {
            name: next(values_of(field.type, False))
            for name, field in plain.fields.items()
            if get_nullable_type(field.type) is not field.type
        }
        for name, field in plain.fields.items():
            if depth == 3 or not get_named_type(field.type).name.endswith(("Where", "Order")):
                yield from ({**demanded, name: value} for value in _with_null(field.type, depth - 1))


async def test_an_odd_path_or_search_is_answered_or_refused(asking: Asker, people: list[AnyRow]) -> None:
    ordered = 0
    for table in LISTS.values():
        found = f"query($s: String) {{ {table.connection}(search: $s, first: 1) {{ totalCount }} }}"
        for text in TEXTS if table.search is not None else ():
            await answer(asking, people[1], found, s=text)
        for column in table.columns.values():
            if column.kind is not ColumnType.JSON:
                continue
            for at in (*([text] for text in TEXTS), [], ["a", "b"], ["0", "-1", "9" * 20], ["a"] * 50):
                ordered += 1
                query = (
                    f"query($o: [{table.name}Order!]) {{ {table.connection}(first: 1, orderBy: $o)"
                    " { edges { cursor } } }"
                )
                await answer(asking, people[1], query, o=[{column.field: {"at": at}}])
                if all(text.isascii() and text.isprintable() and "\\" not in text for text in at):
                    written = orjson.dumps(at).decode()
                    await answer(
                        asking,
                        people[1],
                        f"{{ {table.connection}(first: 1, orderBy: [{{{column.field}: {{at: {written}}}}}])"
                        " { edges { cursor } } }",
                    )
    assert ordered
