"""Numbers arrive with all their digits, or are refused by their place."""

from typing import Any

import httpx
import orjson
import pytest

from services.accounts.accounts import add_user
from services.core.database import Database
from tests.acceptance.http.test_login import PASSWORD, logged_in

CREATE = "mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }"

LITERAL = 'mutation { createProject(input: {name: "n", configJson: {a: NUMBER}}) { project { id } } }'


@pytest.fixture
async def token(client: httpx.AsyncClient, database: Database) -> str:
    """A token of somebody's."""
    async with database.transaction() as connection:
        await add_user(connection, "alice", PASSWORD)
    return str((await logged_in(client))["accessToken"])


async def ask(client: httpx.AsyncClient, token: str, query: str, variables: str) -> Any:
    """The response to a request whose variables are this very text."""
    body = f'{{"query": {orjson.dumps(query).decode()}, "variables": {variables}}}'
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return (await client.post("/graphql", content=body, headers=headers)).json()


async def projects(client: httpx.AsyncClient, token: str) -> Any:
    query = "{ projects { nodes { configJson } } }"
    return (await ask(client, token, query, "null"))["data"]["projects"]["nodes"]


@pytest.mark.parametrize("number", ["1" + "0" * 309, "-" + "9" * 310])
async def test_a_whole_number_out_of_range_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, token: str, number: str
) -> None:
    in_json = f'{{"input": {{"name": "n", "configJson": {{"a": [1, {number}]}}}}}}'
    in_a_column = f'{{"input": {{"name": "n", "maxParallelCc": {number}}}}}'
    literal = LITERAL.replace("NUMBER", str(number))
    condition = "query ($v: JSON) { projects(where: {configJson: {path: {at: [], eq: $v}}}) { totalCount } }"

    answers = [
        await ask(client, token, CREATE, in_json),
        await ask(client, token, CREATE, in_a_column),
        await ask(client, token, literal, "null"),
        await ask(client, token, condition, f'{{"v": {number}}}'),
    ]

    assert [answer["errors"][0]["extensions"]["code"] for answer in answers] == ["BAD_USER_INPUT"] * 4
    assert answers[2]["errors"][0]["extensions"]["field"] == "input.configJson"
    # A reader of JSON does not know whose the number is.
    assert all(
        "valid JSON" in answer["errors"][0]["message"] for answer in (answers[0], answers[1], answers[3])
    )
    assert await projects(client, token) == []


@pytest.mark.parametrize("number", [2**64 - 1, 2**53 + 1, -(2**63), 2**64, -(2**63) - 1, int("1" * 300)])
async def test_a_whole_number_keeps_its_digits(client: httpx.AsyncClient, token: str, number: int) -> None:
    variables = f'{{"input": {{"name": "n", "configJson": {{"a": {number}}}}}}}'
    literal = LITERAL.replace("NUMBER", str(number))

    await ask(client, token, CREATE, variables)
    await ask(client, token, literal, "null")

    assert [project["configJson"] for project in await projects(client, token)] == [{"a": number}] * 2
