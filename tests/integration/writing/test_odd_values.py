"""Odd values in every column that the API writes, by every verb: stored as given, or refused by place."""

import json
from typing import Any

import orjson
import pytest

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.planner.catalog import Column
from gql.planner.column_types import ColumnType
from gql.planner.names import lower_first, upper_first
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.json_codec import read_json
from services.core.principal import Principal
from services.writing.declaration import WritableColumn, WritableTable
from services.writing.tables import TABLES
from tests.integration.odd_values.conftest import NOT_READ
from tests.integration.writing.asking import CATALOG, ORIGIN, SCHEMA, SECRET_KEY, mutation
from tests.integration.writing.conftest import BY_ADMINISTRATORS, World
from tests.integration.writing.test_table_mutations import as_input
from tests.support.differences import Differences
from tests.support.odd_values import OF_KIND
from tests.support.plain.texts import canonical, exact, is_plain_json, told, written

API = Api(SCHEMA, CATALOG)
PARTS = 2
REFUSED = {NOT_READ, "BAD_USER_INPUT"}
ADDRESSES = {"webhookUrl", "pushEndpoint"}
"""Texts that have to be URLs of places to which messages may be sent."""
BY_STATE = {"CONFLICT", "QUOTA_EXCEEDED", "NOT_FOUND", "FORBIDDEN"}
"""What may stand against a value of the right form: another row has it, or the row's state."""


class Writer:
    """Writes as one person and keeps every digit."""

    def __init__(self, database: Database, principal: Principal) -> None:
        self._database = database
        self._principal = principal

    async def write(self, query: str, given: Any) -> Any:
        """The whole response."""
        context = Context(self._database, ORIGIN, TokenPolicy(SECRET_KEY), self._principal)
        try:
            variables = read_json(written({"input": given}))  # as a transport reads a request
        except json.JSONDecodeError as error:
            return {"errors": [{"message": error.msg, "extensions": {"code": NOT_READ}}]}
        return exact((await API.execute(OperationRequest(query, variables), context)).body)


@pytest.mark.parametrize("part", range(PARTS))
async def test_an_odd_value_is_stored_as_it_is_or_refused_by_its_place(
    database: Database, world: World, part: int
) -> None:
    differences = Differences()
    for name in sorted(TABLES)[part::PARTS]:
        principal = world.scene.administrator if name in BY_ADMINISTRATORS else world.scene.owner
        writer = Writer(database, principal)
        await _try_table(differences, writer, TABLES[name], world[name])
    differences.none(700)


async def _try_table(
    differences: Differences, writer: Writer, table: WritableTable, example: dict[str, Any]
) -> None:
    """Each value in turn by a create, an update of many rows, and an update of one."""
    base = exact(orjson.dumps(as_input(table, example), default=str))
    rows = upper_first(CATALOG.types[table.type_name].connection)
    key: Any = None
    if not table.append_only:
        created = await writer.write(
            mutation(f"create{table.type_name}", f"{lower_first(table.type_name)} {{ id }}"), base
        )
        assert "errors" not in created, (table.name, created)
        key = created["data"][f"create{table.type_name}"][lower_first(table.type_name)]["id"]
    turn = 0
    for column in table.columns.values():
        if column.column.foreign_keys:
            continue
        readable = CATALOG.types[table.type_name].columns.get(column.field)
        kind = readable.kind if readable else ColumnType.JSON
        longest = getattr(column.column.type, "length", None) or 10**6
        for label, cell in OF_KIND.get(kind, {}).items():
            value = told(readable or _as_json(column), cell)
            turn += 1
            if table.append_only:
                given: Any
                field, given = f"append{rows}", {"rows": [{**base, column.field: value}]}
                place = f"input.rows.0.{column.field}"
            elif column.on_update and (turn % 3 or not column.on_create):
                some: Any = {"where": {"id": {"eq": key}}} if turn % 3 == 1 else {"id": key}
                field = f"update{rows if turn % 3 == 1 else table.type_name}"
                given, place = {**some, "patch": {column.field: value}}, f"input.patch.{column.field}"
            else:
                field = f"create{table.type_name}"
                given = {**base, **_others(table, base, turn), column.field: value}
                place = f"input.{column.field}"
            await _attempt(differences, writer, field, given, place, readable, label, value, longest)


def _others(table: WritableTable, base: dict[str, Any], turn: int) -> dict[str, Any]:
    """Other values for what no two rows have alike."""
    unique = [column.field for column in table.columns.values() if column.column.unique]
    return {field: f"{base[field]}{turn}" for field in unique if isinstance(base.get(field), str)}


def _as_json(column: WritableColumn) -> Column:
    return Column(column.name, column.field, ColumnType.JSON, nullable=True, description="")


async def _attempt(
    differences: Differences,
    writer: Writer,
    field: str,
    given: Any,
    place: str,
    readable: Column | None,
    label: str,
    value: Any,
    longest: int,
) -> None:
    where, selection = _payload(field, place.rpartition(".")[2] if readable else "__typename")
    query = mutation(field, selection)
    response = await writer.write(query, given)
    name = f"{field} {place}: {label}"
    if "errors" in response:
        extensions = response["errors"][0].get("extensions", {})
        code, named = extensions.get("code"), extensions.get("field")
        places = (place, place.replace(".id", ".createdAt"))  # a time comes with a key that has none in it
        holds = (code == NOT_READ or named in places) if code in REFUSED else code in BY_STATE
        holds = holds and (code not in REFUSED or not _must_be_taken(readable, label, value, longest))
        differences.check(name, query, {"input": given}, holds, canonical(response["errors"])[:400])
        return
    if readable is None:
        differences.compared += 1
        return
    found = response["data"][field]
    for step in where:
        found = found[0] if isinstance(found, list) else found[step]
    found = found[0] if isinstance(found, list) else found
    differences.compare(name, query, {"input": given}, value, found[readable.field])


def _payload(field: str, column: str) -> tuple[list[str], str]:
    """The way to the row in a payload, and the selection of one of its columns."""
    kind: Any = SCHEMA._schema.mutation_type
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    payload: Any = kind.fields[field].type
    while hasattr(payload, "of_type"):
        payload = payload.of_type
    row = next(name for name, found in payload.fields.items() if hasattr(_named(found.type), "fields"))
    return [row], f"{row} {{ {column} }}"


def _named(kind: Any) -> Any:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind


def _must_be_taken(column: Column | None, label: str, value: Any, longest: int) -> bool:
    """Whether a value has nothing that a column of its type could object to."""
    if column is not None and column.field in ADDRESSES:
        return False
    if column is None:
        return False
    if column.kind is ColumnType.DATETIME and column.field != "expiresAt":  # which lies ahead
        return label in ("plain", "microseconds", "tenths", "leap day")
    if column.kind is ColumnType.TEXT:
        return len(value) <= longest and label in (
            "plain",
            "emoji",
            "Japanese",
            "decomposed",
            "quotes",
            "SQL",
            "right to left",
        )
    return False


def test_the_values_are_of_every_kind_that_is_written() -> None:
    kinds = {
        CATALOG.types[table.type_name].columns[column.field].kind
        for table in TABLES.values()
        for column in table.columns.values()
        if column.field in CATALOG.types[table.type_name].columns
    }
    assert kinds - {ColumnType.CHOICE} <= OF_KIND.keys()
    assert not is_plain_json(exact("1e400"))
