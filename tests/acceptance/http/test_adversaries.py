"""Documents and variables made to take long, over HTTP: an answer or a refusal that says why, and soon."""

import json
import time

import httpx
import pytest

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.adversaries import DOCUMENTS, VARIABLES, Request
from tests.support.pace import slowness

FULL = 4_800
BOUND = 8.0
"""Seconds of the processor of this process, which is client and server, on the usual machine."""
TOLD = {
    "QUERY_TOO_COMPLEX",
    "BAD_USER_INPUT",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
}
REQUESTS: dict[str, Request] = {
    **{name: (build(FULL), "{}") for name, build in DOCUMENTS.items()},
    **{name: build(FULL) for name, build in VARIABLES.items()},
}


@pytest.fixture
async def token(database: Database, settings: Settings) -> str:
    """Of somebody without any rows."""
    async with database.transaction() as connection:
        await add_user(connection, "alice", "correct horse")
        policy = TokenPolicy(settings.signing_key())
        return (await issue_for_username(connection, policy, "alice", Origin())).token


async def test_each_is_answered_or_refused_in_words_and_in_time(
    client: httpx.AsyncClient, token: str
) -> None:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    for name, (query, variables) in REQUESTS.items():
        body = f'{{"query": {json.dumps(query)}, "variables": {variables}}}'.encode()
        begin = time.process_time()
        response = await client.post("/graphql", content=body, headers=headers)
        taken = time.process_time() - begin

        assert taken < BOUND * slowness(), name
        assert len(response.content) < 1_000_000, name
        if len(body) > 1_000_000:
            assert response.status_code == 413, name
        elif response.status_code == 200 and "data" in response.json():
            assert "errors" not in response.json() or response.json()["data"] is None, name
        codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
        assert codes <= TOLD, (name, response.text[:500])
