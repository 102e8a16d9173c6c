"""No input of any mutation takes what is none: a clear error with the field's path, and nothing stored."""

from typing import Any

import orjson
import pytest
from graphql import GraphQLInputType, GraphQLNonNull

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.planner.column_types import ColumnType, kind_of
from gql.planner.names import upper_first
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Principal
from services.writing.tables import TABLES
from tests.integration.writing.asking import CATALOG, MUTATIONS, ORIGIN, SCHEMA, SECRET_KEY, mutation
from tests.integration.writing.conftest import World
from tests.integration.writing.test_table_mutations import as_input
from tests.support.bad_values import OF_WRONG_TYPE, UNSTORABLE, leaves, put, scalar_of
from tests.support.everything import everything

API = Api(SCHEMA, CATALOG)
OF_INPUTS = {field: found.args["input"].type for field, found in MUTATIONS.items() if "input" in found.args}
OF_TABLES = {
    f"{verb}{name}"
    for table in TABLES.values()
    for name in (table.type_name, upper_first(CATALOG.types[table.type_name].connection))
    for verb in ("create", "update", "delete", "append")
} & OF_INPUTS.keys()
VERBS = sorted(OF_INPUTS.keys() - OF_TABLES)

Attempt = tuple[str, Any, tuple[str | int, ...]]
"""A mutation, its input, and the place of a row in it."""

PARTS = 3
"""A database of its own for each column and verb would take minutes."""


async def refusal(database: Database, principal: Principal, field: str, given: Any) -> tuple[str, str | None]:
    """Code and field of the one error. `given` is what a transport makes of JSON, so it may hold anything."""
    context = Context(database, ORIGIN, TokenPolicy(SECRET_KEY), principal)
    result = await API.execute(OperationRequest(mutation(field), {"input": given}), context)
    response = orjson.loads(result.body)
    assert "errors" in response, (field, repr(given)[:300])
    error = response["errors"][0]
    assert len(error["message"]) < 500, error["message"][:1000]
    return error["extensions"]["code"], error["extensions"].get("field")


def dotted(place: tuple[str | int, ...]) -> str:
    return ".".join(map(str, place))


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_wrong_value_in_any_column_is_refused_by_its_place(
    database: Database, world: World, part: int
) -> None:
    before = await everything(database)

    for table in sorted(TABLES)[part::PARTS]:
        await _try_columns(database, world, table)

    assert await everything(database) == before


async def _try_columns(database: Database, world: World, table: str) -> None:
    writable = TABLES[table]
    principal = world.scene.administrator
    row = orjson.loads(orjson.dumps(as_input(writable, world[table]), default=str))
    if writable.append_only:
        field = f"append{upper_first(CATALOG.types[writable.type_name].connection)}"
        attempts: list[Attempt] = [(field, {"rows": [row, row]}, ("input", "rows", 1))]
    else:
        key = (
            "0197a1b2-0000-7000-8000-000000000000" if kind_of(writable.key.type) is ColumnType.UUID else 10**6
        )
        patch: Any = {"id": str(key) if table == "notification_history" else key, "patch": {}}
        attempts = [
            (f"create{writable.type_name}", row, ("input",)),
            (f"update{writable.type_name}", patch, ("input", "patch")),
        ]
    for field, given, place in attempts:
        for name, kind in _columns(OF_INPUTS[field], place):
            scalar = scalar_of(kind)
            bad = [*OF_WRONG_TYPE.get(str(scalar), ()), *UNSTORABLE.get(str(scalar), ())]
            if isinstance(kind, GraphQLNonNull):
                bad.append(None)
            for value in bad:
                wrong = _with(given, place[1:], name, value)
                found = await refusal(database, principal, field, wrong)
                expected = dotted((*place, name))
                assert found == ("BAD_USER_INPUT", expected), (field, name, repr(value)[:100])


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_wrong_value_in_any_verb_is_refused_and_leaves_nothing(
    database: Database, world: World, part: int
) -> None:
    before = await everything(database)

    for field in VERBS[part::PARTS]:
        await _try_leaves(database, world, field)

    after = await everything(database)
    assert {**after, "login_attempts": None} == {**before, "login_attempts": None}  # those are counted


async def _try_leaves(database: Database, world: World, field: str) -> None:
    kind = OF_INPUTS[field]
    for place, leaf in leaves(kind):
        scalar = str(scalar_of(leaf))
        for value in OF_WRONG_TYPE.get(scalar, ()):
            given = put(None, kind, place[1:], value)
            found = await refusal(database, world.scene.administrator, field, given)
            assert found == ("BAD_USER_INPUT", dotted(place)), (place, repr(value)[:100])
        for value in UNSTORABLE.get(scalar, ()):
            given = put(None, kind, place[1:], value)
            code, where = await refusal(database, world.scene.administrator, field, given)
            assert code in ("BAD_USER_INPUT", "NOT_FOUND", "UNAUTHENTICATED"), (place, repr(value)[:100])
            assert where or code == "UNAUTHENTICATED", (place, repr(value)[:100])


def _columns(kind: GraphQLInputType, place: tuple[str | int, ...]) -> list[tuple[str, GraphQLInputType]]:
    """The fields of the row or patch at the place."""
    for step in place[1:]:
        if isinstance(step, str):
            kind = _fields(kind)[step].type
    return [(name, field.type) for name, field in _fields(kind).items()]


def _fields(kind: Any) -> Any:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind.fields


def _with(given: Any, place: tuple[str | int, ...], name: str, value: Any) -> Any:
    """A copy in which the row at the place has another value."""
    if not place:
        return {**given, name: value}
    step, *rest = place
    if isinstance(given, list):
        return [
            _with(item, tuple(rest), name, value) if position == step else item
            for position, item in enumerate(given)
        ]
    return {**given, step: _with(given[step], tuple(rest), name, value)}
