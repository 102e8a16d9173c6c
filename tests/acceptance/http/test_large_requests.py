"""Large requests: of a person they hold up nobody else's answers, and strangers have none."""

import asyncio
import statistics
import threading
import time
from typing import Any

import httpx
import pytest

from app.admission.request import ANONYMOUS_BODY
from app.config.settings import Settings
from gql.execution import large_requests
from gql.execution.api import Api, OperationRequest
from gql.execution.large_requests import LARGE_DOCUMENT
from gql.execution.prepared import Prepared
from gql.request.anonymous import ANONYMOUS_TOKENS
from gql.request.limits import MOST_PARTS
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin, Principal
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE, until

Header = dict[str, str]

FILTERED = "query ($w: TaskWhere) { tasks(first: 1, where: $w) { totalCount } }"


@pytest.fixture
async def bearer(database: Database, settings: Settings) -> Header:
    async with database.transaction() as connection:
        await add_user(connection, "large", "correct horse", resource_quota={"api_calls_per_hour": 100_000})
        issued = await issue_for_username(connection, TokenPolicy(settings.signing_key()), "large", Origin())
    return {"authorization": f"Bearer {issued.token}"}


def many_fields(number: int, fields: int = 4_900) -> dict[str, Any]:
    """A document that takes long to parse and validate, each time another one."""
    return {"query": "{ me { " + f"a{number}: username " + "username " * fields + "} }"}


def long_text(number: int) -> dict[str, Any]:
    text = f"{number}" + "x" * 900_000
    return {"query": '{ tasks(where: {name: {eq: """' + text + '"""}}) { totalCount } }'}


def many_values(number: int) -> dict[str, Any]:
    return {"query": FILTERED, "variables": {"w": {"priority": {"in": [*range(number, 140_000)]}}}}


@pytest.mark.parametrize("body", [many_fields, long_text, many_values])
async def test_others_are_answered_while_large_requests_are_read(
    live_server: LiveServer, bearer: Header, body: Any
) -> None:
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE, headers=bearer) as client:

        async def ask(number: int) -> None:
            response = await client.post("/graphql", json=body(number))
            assert "errors" not in response.json(), response.text[:300]

        await ask(0)
        began = time.monotonic()
        flood = [asyncio.create_task(ask(number)) for number in range(2, 8)]
        delays = []
        while not all(task.done() for task in flood):
            asked = time.monotonic()
            assert (await client.get("/healthz")).status_code == 200
            delays.append(time.monotonic() - asked)
        each = (time.monotonic() - began) / len(flood)
        await asyncio.gather(*flood)
    # Both were measured in the same moments. Python's own pauses for garbage, which `ccgraph serve` makes
    # rare, are the slowest.
    assert statistics.median(delays) < each / 3


async def test_a_stranger_sends_little(live_server: LiveServer) -> None:
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        login = 'mutation { login(input: {username: "a", password: "b"}) { %s } }'
        blanks = {"query": login % "accessToken" + " " * ANONYMOUS_BODY}
        refused = await client.post("/graphql", json=blanks)
        assert refused.status_code == 413
        assert f"at most {ANONYMOUS_BODY} bytes without an access token" in refused.text
        tokens = {"query": login % ("accessToken " * ANONYMOUS_TOKENS)}
        (error,) = (await client.post("/graphql", json=tokens)).json()["errors"]
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        (error,) = (await client.post("/graphql", json={"query": login % "accessToken"})).json()["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "where",
    [{"or": [{}] * MOST_PARTS}, {"and": [{"name": {}}] * (MOST_PARTS // 2)}, {"not": {"or": [{}] * 300_000}}],
    ids=["empty", "without operators", "behind"],
)
async def test_objects_of_a_filter_are_counted_before_they_are_read(
    client: httpx.AsyncClient, bearer: Header, where: Any
) -> None:
    update = 'mutation ($w: TaskWhere!) { updateTasks(input: {where: $w, patch: {name: "x"}}) { count } }'
    for query in (FILTERED, update):
        body = {"query": query, "variables": {"w": where}}
        (error,) = (await client.post("/graphql", json=body, headers=bearer)).json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("QUERY_TOO_COMPLEX", "w")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request waits too long, however slow the machine is."""
    monkeypatch.setattr(large_requests, "LONGEST_WAIT", 3600.0)


@pytest.mark.usefixtures("patient")
async def test_one_person_keeps_few_large_requests_in_memory(
    client: httpx.AsyncClient, bearer: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_many = 19
    let_go = threading.Event()
    prepare = Api._prepare

    def prepare_in_the_end(api: Api, request: OperationRequest, principal: Principal | None) -> Prepared:
        assert let_go.wait(PATIENCE)
        return prepare(api, request, principal)

    monkeypatch.setattr(Api, "_prepare", prepare_in_the_end)
    just_large = LARGE_DOCUMENT // len("username ")
    sent = [
        asyncio.create_task(client.post("/graphql", json=many_fields(number, just_large), headers=bearer))
        for number in range(1 + large_requests.MOST_WAITING + too_many)
    ]
    try:
        await until(lambda: sum(task.done() for task in sent) == too_many)
    finally:
        let_go.set()
    answers = [answer.json() for answer in await asyncio.gather(*sent)]
    codes = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert codes == ["RATE_LIMITED"] * too_many
