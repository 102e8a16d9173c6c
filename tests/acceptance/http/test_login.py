"""From a login to the first query, over the whole application."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import text

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.request.anonymous import NO_DETAILS
from services.accounts.accounts import add_user
from services.accounts.token_bounds import MOST_TOKENS
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from tests.integration.writing.asking import CATALOG, ORIGIN, SCHEMA
from tests.support.hours import hold_the_hour

PASSWORD = "correct horse battery"
LOGIN = """
    mutation ($input: LoginInput!) {
      login(input: $input) { accessToken refreshToken expiresAt user { id username email } }
    }
"""
REFRESH = """
    mutation ($input: RefreshTokenInput!) {
      refreshToken(input: $input) { accessToken refreshToken user { username } }
    }
"""


@pytest.fixture
async def alice(database: Database) -> int:
    """The id of an account to log in with."""
    async with database.transaction() as connection:
        return await add_user(connection, "alice", PASSWORD, email="alice@example.com")


async def post(
    client: httpx.AsyncClient, query: str, token: str | None = None, **variables: Any
) -> dict[str, Any]:
    """The JSON of a response."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    answer: dict[str, Any] = response.json()
    return answer


async def logged_in(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await post(client, LOGIN, input={"username": "alice", "password": PASSWORD})
    tokens: dict[str, Any] = answer["data"]["login"]
    return tokens


def code(answer: dict[str, Any]) -> Any:
    return answer["errors"][0]["extensions"]["code"]


async def test_a_login_opens_the_api(client: httpx.AsyncClient, alice: int) -> None:
    tokens = await logged_in(client)

    assert tokens["user"] == {"id": alice, "username": "alice", "email": "alice@example.com"}
    answer = await post(client, "{ me { id username } }", tokens["accessToken"])
    assert answer == {"data": {"me": {"id": alice, "username": "alice"}}}


@pytest.mark.parametrize(
    "query",
    [
        "{ me { id } }",
        "{ __typename }",
        "{ __schema { queryType { name } } }",
        "{ nonsense }",
        "mutation { logout { success } }",
        'mutation { login(input: {username: "a", password: "b"}) { accessToken } logout { success } }',
        "mutation { ...All } fragment All on Mutation { logout { success } }",
        "mutation { ... { logout { success } } }",
        "mutation A { __typename }",
        "subscription { __typename }",
        "fragment F on Prject { id }",
        "fragment F on Project { idd }",
        'mutation { login(input: {username: "a", password: "b"}) @skip(if: true) { accessToken } }',
    ],
)
async def test_without_a_token_nothing_but_a_login_is_answered(client: httpx.AsyncClient, query: str) -> None:
    answer = await post(client, query)

    assert code(answer) == "UNAUTHENTICATED"
    assert "data" not in answer


@pytest.mark.parametrize("query", ["mutation {}", "mutation A {}", "{"])
async def test_what_is_no_graphql_is_refused_for_that_and_tells_nothing(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await post(client, query)

    assert code(answer) == "GRAPHQL_PARSE_FAILED"
    assert "data" not in answer


SECRETS_OF_THE_SCHEMA = [
    ('login(input: {username: "a", password: "bbbbbbbb"}) { user { emal projecs { nodes { taskz } } } }', {}),
    (
        'login(input: {username: "a", password: "bbbbbbbb"}) { user { projects(wher: {}) { totalCount } } }',
        {},
    ),
    ('login(input: {username: "a", passwrd: "b"}) { accessToken }', {}),
    ('login(input: {username: "a"}) { accessToken }', {}),
    ("login(input: $x) { accessToken }", {"x": {"username": "a", "passwrd": "b"}}),
    ("login(input: $x) { accessToken }", {"x": {"username": 1, "password": "b"}}),
    ("login(input: $x) { accessToken }", {}),
    ('login(input: {username: "a", password: "b"}) { user }', {}),
    ('login(input: {username: "a", password: "b"}) { accessToken { x } }', {}),
    ('login(input: {username: "a", password: "b"}) { ...F } fragment F on Prject { id }', {}),
    ('refreshToken(input: {refreshTokn: "a"}) { accessToken }', {}),
]


@pytest.mark.parametrize("introspection", [True, False])
@pytest.mark.parametrize("header", ["mutation", "mutation ($x: LoginInput!)", "mutation ($x: LoginInpt!)"])
@pytest.mark.parametrize(("selection", "variables"), SECRETS_OF_THE_SCHEMA)
async def test_a_stranger_learns_no_name_from_a_document_that_does_not_fit(
    header: str, selection: str, variables: dict[str, Any], introspection: bool
) -> None:
    body, _, fragment = selection.partition(" fragment")
    query = f"{header} {{ {body} }}" + (f" fragment{fragment}" if fragment else "")
    api = Api(SCHEMA, CATALOG, introspection=introspection)
    context = Context(cast("Database", None), ORIGIN, TokenPolicy("k" * 32))

    answer = (await api.execute(OperationRequest(query, variables), context)).body.decode()

    assert NO_DETAILS in answer
    assert not any(
        name in answer.replace(NO_DETAILS, "")
        for name in ("Did you mean", "Project", "email", "projects", "User", "LoginInput", "password", "type")
    )


async def test_a_prepared_document_is_closed_to_strangers_too(client: httpx.AsyncClient, alice: int) -> None:
    tokens = await logged_in(client)
    query = "{ me { username } }"
    assert "data" in await post(client, query, tokens["accessToken"])

    assert code(await post(client, query)) == "UNAUTHENTICATED"


async def test_a_wrong_password_gives_no_token(client: httpx.AsyncClient, alice: int) -> None:
    answer = await post(client, LOGIN, input={"username": "alice", "password": "wrong password"})

    assert answer["data"] is None
    assert code(answer) == "UNAUTHENTICATED"


async def test_a_refresh_token_works_once_and_without_an_access_token(
    client: httpx.AsyncClient, alice: int
) -> None:
    tokens = await logged_in(client)

    answer = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})
    next_tokens = answer["data"]["refreshToken"]
    assert next_tokens["user"] == {"username": "alice"}
    again = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})

    assert code(again) == "UNAUTHENTICATED"
    # The second use ended the whole login: that is committed although the mutation failed.
    last = await post(client, REFRESH, input={"refreshToken": next_tokens["refreshToken"]})
    assert code(last) == "UNAUTHENTICATED"


async def test_an_access_token_ends_with_its_login(client: httpx.AsyncClient, alice: int) -> None:
    tokens = await logged_in(client)

    assert await post(client, "mutation { logout { success } }", tokens["accessToken"]) == {
        "data": {"logout": {"success": True}}
    }

    answer = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})
    assert code(answer) == "UNAUTHENTICATED"


async def test_a_named_token_is_shown_once_and_listed_by_its_name(
    client: httpx.AsyncClient, alice: int
) -> None:
    tokens = await logged_in(client)
    create = """
        mutation ($input: CreateAccessTokenInput!) {
          createAccessToken(input: $input) { accessToken authToken { tokenId name user { username } } }
        }
    """

    expires_at = datetime.now(UTC) + timedelta(days=90)

    answer = await post(
        client,
        create,
        tokens["accessToken"],
        input={"name": "builder", "expiresAt": expires_at.isoformat(), "password": PASSWORD},
    )

    created = answer["data"]["createAccessToken"]
    assert created["authToken"]["name"] == "builder"
    assert created["authToken"]["user"] == {"username": "alice"}
    assert "data" in await post(client, "{ me { id } }", created["accessToken"])


async def test_an_administrator_manages_accounts(client: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as connection:
        await add_user(connection, "alice", PASSWORD, is_admin=True)
    token = (await logged_in(client))["accessToken"]
    create = (
        "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id username isAdmin } } }"
    )
    update = (
        "mutation ($input: UpdateUserInput!) { updateUser(input: $input) { user { email preferences } } }"
    )

    answer = await post(client, create, token, input={"username": "bob", "password": PASSWORD})
    bob = answer["data"]["createUser"]["user"]
    assert bob == {"id": bob["id"], "username": "bob", "isAdmin": False}
    patch = {"email": "bob@example.com", "preferences": {"theme": "dark"}}
    answer = await post(client, update, token, input={"id": bob["id"], "patch": patch})
    assert answer == {"data": {"updateUser": {"user": patch}}}
    answer = await post(client, update, token, input={"id": bob["id"], "patch": {"email": None}})
    assert answer["data"]["updateUser"]["user"] == {"email": None, "preferences": {"theme": "dark"}}
    answer = await post(
        client, "mutation ($input: UserKeyInput!) { deleteUser(input: $input) { deletedId } }", token,
        input={"id": bob["id"]},
    )  # fmt: skip
    assert answer == {"data": {"deleteUser": {"deletedId": bob["id"]}}}


async def set_quota(database: Database, calls: int) -> None:
    quota = text(
        "UPDATE users SET resource_quota = jsonb_build_object('api_calls_per_hour', CAST(:calls AS int))"
    )
    async with database.transaction() as connection:
        await connection.execute(quota, {"calls": calls})


async def test_logins_and_refreshes_count_as_calls_and_nothing_is_spent_past_the_quota(
    client: httpx.AsyncClient, database: Database, alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = hold_the_hour(monkeypatch)
    await set_quota(database, 3)
    tokens = await logged_in(client)
    for _ in range(2):
        answer = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})
        tokens = answer["data"]["refreshToken"]

    for _ in range(2):
        refused = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})
        assert code(refused) == "RATE_LIMITED"
        assert refused["errors"][0]["extensions"]["retryAfter"] > 0
    assert (
        code(await post(client, LOGIN, input={"username": "alice", "password": PASSWORD})) == "RATE_LIMITED"
    )
    await set_quota(database, 100)
    clock.now += 1.1  # a process remembers for a second that the quota was used up
    again = await post(client, REFRESH, input={"refreshToken": tokens["refreshToken"]})
    assert again["data"]["refreshToken"]["user"] == {"username": "alice"}


async def test_an_account_has_so_many_tokens_and_the_newest_are_good(
    client: httpx.AsyncClient, database: Database, alice: int
) -> None:
    first = await logged_in(client)
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO auth_tokens (user_id, token_id, token_type, expires_at, is_active)"
                " SELECT :id, gen_random_uuid(), 'access', now() + interval '1 hour', number % 2 = 0"
                " FROM generate_series(1, 1500) AS number"
            ),
            {"id": alice},
        )
    last = await logged_in(client)
    async with database.transaction() as connection:
        rows = await connection.execute(
            text("SELECT count(*), count(*) FILTER (WHERE is_active) FROM auth_tokens")
        )
        assert tuple(rows.one()) in {(MOST_TOKENS, 754), (MOST_TOKENS + 2, 754)}
    for tokens in (first, last):
        answer = await post(client, "{ me { username } }", tokens["accessToken"])
        assert answer == {"data": {"me": {"username": "alice"}}}
