"""Numbers in JSON come back with the digits that were sent, or are refused with their place."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.json_codec import read_json
from services.core.principal import Principal
from tests.integration.writing.asking import CATALOG, ORIGIN, SCHEMA, SECRET_KEY, Caller, mutation
from tests.integration.writing.conftest import Scene

KEPT = (
    "123456789012345678.25",
    "0.1234567890123456789012345678901",
    "-12345678.123456789012",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890123456789012345678901234567890",
    "0.30000000000000004",
    "1.7976931348623157",
)
BEYOND = ("1e400", "-1e400", "1e-400", "9" * 400, "1e99999999")


class Wire:
    """Sends a body and gives the text of the answer: digits are what this is about."""

    def __init__(self, database: Database, principal: Principal) -> None:
        self._api = Api(SCHEMA, CATALOG)
        self._database = database
        self._principal = principal

    async def send(self, query: str, variables: str = "{}") -> str:
        context = Context(self._database, ORIGIN, TokenPolicy(SECRET_KEY), self._principal)
        request = OperationRequest(query, read_json(variables))
        return (await self._api.execute(request, context)).body.decode()


@pytest.fixture
def wire(database: Database, scene: Scene) -> Wire:
    return Wire(database, scene.owner)


@pytest.fixture
async def task(scene: Scene, caller: Caller) -> str:
    given = {"projectId": str(scene.project.project_id), "name": "t", "taskType": "DESIGN"}
    data = await caller.data(scene.owner, mutation("createTask", "task { id }"), input=given)
    return str(data["createTask"]["task"]["id"])


def update(task: str, data: str) -> str:
    return (
        f'mutation {{ updateTask(input: {{id: "{task}", patch: {{inputData: {data}}}}})'
        " { task { inputData } } }"
    )


READ = "{ tasks { nodes { inputData } } }"


@pytest.mark.parametrize("number", KEPT)
async def test_a_number_keeps_its_digits_from_a_literal_and_from_a_variable(
    wire: Wire, task: str, number: str
) -> None:
    wanted = f'{{"n": [{number}]}}'
    for query, variables in (
        (update(task, f"{{n: [{number}]}}"), "{}"),
        (update(task, "$d").replace("mutation", "mutation ($d: JSON)"), f'{{"d": {wanted}}}'),
        (update(task, "$d").replace("mutation", f"mutation ($d: JSON = {{n: [{number}]}})"), "{}"),
        (update(task, "{n: [$d]}").replace("mutation", "mutation ($d: JSON)"), f'{{"d": {number}}}'),
    ):
        assert wanted in await wire.send(query, variables)
        assert wanted in await wire.send(READ)
        await wire.send(update(task, "{}"))


@pytest.mark.parametrize("number", KEPT)
async def test_a_filter_compares_all_digits(wire: Wire, task: str, number: str) -> None:
    await wire.send(update(task, f"{{n: {number}}}"))

    async def count(wanted: str) -> int:
        where = f'{{inputData: {{path: {{at: ["n"], eq: {wanted}}}}}}}'
        found: int = orjson.loads(await wire.send(f"{{ tasks(where: {where}) {{ totalCount }} }}"))["data"][
            "tasks"
        ]["totalCount"]
        return found

    assert await count(number) == 1
    assert await count(number[:-1] + ("1" if number[-1] != "1" else "2")) == 0


async def test_a_number_beside_a_secret_keeps_its_digits(wire: Wire, task: str) -> None:
    data = f'{{password: "hunter2hunter2", pin: {KEPT[0]}, n: {KEPT[3]}}}'
    answer = await wire.send(update(task, data))
    assert f'"n": {KEPT[3]}' in answer
    assert f'"pin": {KEPT[0]}' in answer


@pytest.mark.parametrize("number", KEPT)
async def test_recorded_messages_keep_digits(wire: Wire, scene: Scene, number: str) -> None:
    document = (
        "mutation ($i: UUID!, $m: [JSON!]!) { recordMcpMessages(input: {ccInstanceId: $i, messages: $m})"
        " { mcpMessages { rpcId params } } }"
    )
    message = f'{{"jsonrpc": "2.0", "id": {number}, "method": "m", "params": {{"v": {number}}}}}'
    answer = await wire.send(document, f'{{"i": "{scene.instance_id}", "m": [{message}]}}')
    assert f'"rpcId":"{number}"' in answer.replace('": "', '":"')
    assert f'"v": {number}' in answer


def refusal(answer: str) -> tuple[str, Any]:
    """`code` and `field` of the one error."""
    [error] = orjson.loads(answer)["errors"]
    return error["extensions"]["code"], error["extensions"].get("field")


@pytest.mark.parametrize("number", BEYOND)
async def test_a_literal_out_of_range_is_refused_with_its_place(
    wire: Wire, scene: Scene, task: str, number: str
) -> None:
    await wire.send(update(task, "{limit: null}"))
    literal = await wire.send(update(task, f"{{limit: {number}}}"))
    assert refusal(literal) == ("BAD_USER_INPUT", "input.patch.inputData")
    default = update(task, "$d").replace("mutation", f"mutation ($d: JSON = {{limit: {number}}})")
    assert refusal(await wire.send(default)) == ("BAD_USER_INPUT", "input.patch.inputData")
    where = f'{{inputData: {{path: {{at: ["limit"], eq: {number}}}}}}}'
    code, field = refusal(await wire.send(f"{{ tasks(where: {where}) {{ totalCount }} }}"))
    assert (code, field.rpartition(".")[2]) == ("BAD_USER_INPUT", "eq")
    for member in ("id", "params: {v"):
        closing = "}" if "{" in member else ""
        message = f'{{jsonrpc: "2.0", method: "m", {member}: {number}{closing}}}'
        record = (
            f'mutation {{ recordMcpMessages(input: {{ccInstanceId: "{scene.instance_id}",'
            f" messages: [{message}]}}) {{ recorded }} }}"
        )
        code, field = refusal(await wire.send(record))
        assert (code, field) == ("BAD_USER_INPUT", f"input.messages.0.{member.partition(':')[0]}")
    assert '"limit": null' in await wire.send(READ)


async def test_a_uuid_of_after_the_year_9999_is_refused_and_times_are_exact(
    scene: Scene, caller: Caller
) -> None:
    def row(milliseconds: int) -> dict[str, str]:
        key = UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | 1)
        return {
            "id": str(key),
            "ccInstanceId": str(scene.instance_id),
            "logLevel": "INFO",
            "category": "SYSTEM",
            "message": "m",
        }

    last = 253_402_300_799_999
    document = mutation("appendCcLogs", "ccLogs { createdAt }")
    data = await caller.data(scene.owner, document, input={"rows": [row(last), row(1_700_000_000_999)]})
    assert [entry["createdAt"] for entry in data["appendCcLogs"]["ccLogs"]] == [
        "9999-12-31T23:59:59.999+00:00",
        "2023-11-14T22:13:20.999+00:00",
    ]
    for milliseconds in (last + 1, 2**48 - 1):
        refused = await caller.refusal(scene.owner, document, input={"rows": [row(0), row(milliseconds)]})
        assert refused == ("BAD_USER_INPUT", "input.rows.1.id")


@pytest.mark.parametrize("params", [{"name": "n", "arguments": None}, {"name": "n"}])
async def test_a_call_without_arguments_has_none(
    scene: Scene, caller: Caller, params: dict[str, Any]
) -> None:
    document = (
        "mutation ($i: UUID!, $m: [JSON!]!) { recordMcpMessages(input: {ccInstanceId: $i, messages: $m})"
        " { recorded } }"
    )
    call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    await caller.data(scene.owner, document, i=str(scene.instance_id), m=[call])
    found = await caller.data(scene.owner, "{ mcpToolCalls { nodes { arguments } } }")
    assert found["mcpToolCalls"]["nodes"] == [{"arguments": {}}]


async def test_the_code_of_an_error_is_a_whole_number_however_it_is_written(
    scene: Scene, caller: Caller
) -> None:
    document = (
        "mutation ($i: UUID!, $m: [JSON!]!) { recordMcpMessages(input: {ccInstanceId: $i, messages: $m})"
        " { recorded } }"
    )
    answer = {"jsonrpc": "2.0", "id": 3.0, "error": {"code": -32000.0, "message": "no"}}
    data = await caller.data(scene.owner, document, i=str(scene.instance_id), m=[answer])
    assert data["recordMcpMessages"] == {"recorded": 1}
    answer["error"] = {"code": -32000.5, "message": "no"}
    code, _ = await caller.refusal(scene.owner, document, i=str(scene.instance_id), m=[answer])
    assert code == "BAD_USER_INPUT"
