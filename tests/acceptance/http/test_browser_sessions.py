"""Logins of browsers at /session: the cookie, who may use it, several tabs, the end."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin

PASSWORD = "correct horse"
ME = "{ me { username } }"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }"
REFRESH = "mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { refreshToken } }"


@pytest.fixture(autouse=True)
async def alice(database: Database) -> None:
    async with database.transaction() as connection:
        await add_user(connection, "alice", PASSWORD)


async def post(client: httpx.AsyncClient, path: str, body: object = None, **headers: str) -> httpx.Response:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(path, json=body or {}, headers=own)


async def log_in(client: httpx.AsyncClient) -> str:
    answer = await post(client, "/session", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["accessToken"])


async def asked(client: httpx.AsyncClient, token: str, query: str = ME) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return (await client.post("/graphql", json={"query": query}, headers=headers)).json()


async def mutation(client: httpx.AsyncClient, query: str, **given: str) -> Any:
    body = {"query": query, "variables": {"input": given}}
    return (await client.post("/graphql", json=body)).json()


async def mutation_login(client: httpx.AsyncClient, username: str) -> str:
    answer = await mutation(client, LOGIN, username=username, password=PASSWORD)
    return str(answer["data"]["login"]["accessToken"])


def cookie(response: httpx.Response) -> dict[str, str]:
    """The attributes of the one cookie that is set, in lower case; its name is `name`, its value `value`."""
    (line,) = response.headers.get_list("set-cookie")
    first, *rest = (part.strip() for part in line.split(";"))
    name, _, value = first.partition("=")
    attributes = {key.lower(): value.lower() for key, _, value in (part.partition("=") for part in rest)}
    return attributes | {"name": name, "value": value}


async def test_a_login_gives_the_access_token_and_keeps_the_refresh_token_from_scripts(
    client: httpx.AsyncClient,
) -> None:
    answer = await post(client, "/session", {"username": "alice", "password": PASSWORD})

    told, kept = answer.json(), cookie(answer)
    assert told["user"]["username"] == "alice"
    assert told["expiresIn"] == 15 * 60
    assert kept["value"] not in answer.text
    assert kept["samesite"] == "strict"
    assert {"httponly", "max-age"} <= kept.keys()
    assert kept["path"] == "/session"
    assert answer.headers["cache-control"] == "no-store"
    assert await asked(client, told["accessToken"]) == {"data": {"me": {"username": "alice"}}}


async def test_over_tls_the_cookie_is_for_this_host_and_for_tls_alone(client: httpx.AsyncClient) -> None:
    client.base_url = httpx.URL("https://ccgraph.test")

    kept = cookie(await post(client, "/session", {"username": "alice", "password": PASSWORD}))

    assert kept["name"].startswith("__Host-")
    assert kept["path"] == "/"
    assert "secure" in kept
    assert "domain" not in kept


async def test_servers_on_other_ports_of_a_host_have_cookies_of_other_names(
    client: httpx.AsyncClient,
) -> None:
    names = set()
    for port in (8001, 8002):
        client.base_url = httpx.URL(f"http://ccgraph.test:{port}")
        answer = await post(client, "/session", {"username": "alice", "password": PASSWORD})
        names.add(cookie(answer)["name"])

    assert len(names) == 2


async def test_every_renewal_rotates_the_cookie(client: httpx.AsyncClient) -> None:
    await log_in(client)
    seen = set()
    for _ in range(3):
        answer = await post(client, "/session/renew")
        assert answer.json()["user"]["username"] == "alice"
        seen.add(cookie(answer)["value"])

    assert len(seen) == 3


async def test_a_browser_without_a_login_is_told_so_without_an_error(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/session/renew")

    assert answer.status_code == 200
    assert answer.json() == {"graphiql": True, "accessToken": None, "expiresIn": None, "user": None}
    assert "set-cookie" not in answer.headers


async def test_a_wrong_password_is_refused_as_by_the_mutation(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/session", {"username": "alice", "password": "wrong"})

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://ccgraph.test"},
        {"sec_fetch_site": "none"},
    ],
)
@pytest.mark.parametrize("path", ["/session", "/session/renew", "/session/end"])
async def test_no_foreign_page_logs_in_renews_or_logs_out(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    await log_in(client)

    refused = await post(client, path, {"username": "alice", "password": PASSWORD}, **headers)

    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert (await post(client, "/session/renew")).json()["user"]["username"] == "alice"


async def test_a_form_cannot_send_what_is_taken(client: httpx.AsyncClient) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post("/session/end", content=b"{}", headers={"content-type": media_type})
        assert answer.status_code == 415
    assert (await client.get("/session")).status_code in (404, 405)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"username": 1}', b'{"username": "alice"}'])
async def test_what_is_no_login_is_refused_with_a_sentence(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/session", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_body_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, "/session", {"username": "a" * 30_000, "password": ""})

    assert answer.status_code == 413


async def test_tabs_that_renew_at_the_same_time_all_stay_logged_in(client: httpx.AsyncClient) -> None:
    await log_in(client)
    (name, value), *_ = client.cookies.items()

    async def tab() -> httpx.Response:
        return await client.post("/session/renew", json={}, headers={"cookie": f"{name}={value}"})

    client.cookies.clear()
    answers = await asyncio.gather(*(tab() for _ in range(5)))

    for answer in answers:
        assert await asked(client, answer.json()["accessToken"]) == {"data": {"me": {"username": "alice"}}}
    assert len({cookie(answer)["value"] for answer in answers}) == 5


async def test_a_cookie_that_comes_again_later_ends_the_login(
    client: httpx.AsyncClient, database: Database
) -> None:
    await log_in(client)
    (name, stolen), *_ = client.cookies.items()
    token = (await post(client, "/session/renew")).json()["accessToken"]
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE auth_tokens SET last_used = last_used - interval '11 s'"))

    thief = await client.post("/session/renew", json={}, headers={"cookie": f"{name}={stolen}"})

    assert thief.json()["accessToken"] is None
    assert (await asked(client, token))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await post(client, "/session/renew")).json()["user"] is None


async def test_the_leeway_does_not_outlive_a_logout(client: httpx.AsyncClient) -> None:
    await log_in(client)
    (name, spent), *_ = client.cookies.items()
    await post(client, "/session/renew")
    await post(client, "/session/end")

    late = await client.post("/session/renew", json={}, headers={"cookie": f"{name}={spent}"})

    assert late.json()["accessToken"] is None


async def test_the_mutation_has_no_leeway(client: httpx.AsyncClient) -> None:
    made = (await mutation(client, LOGIN, username="alice", password=PASSWORD))["data"]["login"]
    once = await mutation(client, REFRESH, refreshToken=made["refreshToken"])
    twice = await mutation(client, REFRESH, refreshToken=made["refreshToken"])

    assert once["data"]["refreshToken"]["refreshToken"]
    assert twice["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_api_takes_no_cookie(client: httpx.AsyncClient) -> None:
    await log_in(client)

    answer = await client.post("/graphql", json={"query": ME})

    assert answer.status_code == 401


async def test_logging_out_ends_this_login_and_no_other(client: httpx.AsyncClient) -> None:
    phone = await log_in(client)
    client.cookies.clear()
    laptop = await log_in(client)

    ended = await post(client, "/session/end")

    assert cookie(ended)["max-age"] == "0"
    assert not client.cookies
    assert (await asked(client, laptop))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert "errors" not in await asked(client, phone)


async def test_logging_out_everywhere_ends_every_login_of_the_account_and_no_other(
    client: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    phone = await log_in(client)
    client.cookies.clear()
    program = await mutation_login(client, "alice")
    laptop = await log_in(client)
    async with database.transaction() as connection:
        await add_user(connection, "bob", PASSWORD)
        lone = await issue_for_username(connection, TokenPolicy(settings.signing_key()), "alice", Origin())
    bob = await mutation_login(client, "bob")

    await post(client, "/session/end", {"everywhere": True})

    for token in (phone, laptop, program):
        assert (await asked(client, token))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await asked(client, bob) == {"data": {"me": {"username": "bob"}}}
    assert "errors" not in await asked(client, lone.token)
    again = await log_in(client)
    assert "errors" not in await asked(client, again)
