"""Whose address a request has behind proxies: in the audit and for throttling, over real sockets."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from sqlalchemy import text, update

from app.config.settings import Settings
from models import login_attempts
from services.accounts.accounts import add_user
from services.accounts.login_attempts import PER_ADDRESS
from services.core.database import Database
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

PASSWORD = "correct horse"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"
PEER, CLIENT, OTHER = "127.0.0.1", "203.0.113.7", "198.51.100.1"


class Door:
    """Logs in through proxies that wrote these values of X-Forwarded-For, one header each."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self._client = client
        self._database = database

    async def log_in(self, *forwarded: str, username: str = "alice") -> str | None:
        """The code of the error, None when the login succeeded."""
        answer = await self._client.post(
            "/graphql",
            json={"query": LOGIN, "variables": {"input": {"username": username, "password": PASSWORD}}},
            headers=[(b"x-forwarded-for", value.encode()) for value in forwarded],
        )
        errors = answer.json().get("errors")
        return str(errors[0]["extensions"]["code"]) if errors else None

    async def audited(self) -> str | None:
        """The address in the newest row of the audit."""
        newest = "SELECT host(ip_address) FROM system_logs WHERE message = 'login' ORDER BY id DESC LIMIT 1"
        async with self._database.transaction() as connection:
            address: str | None = (await connection.execute(text(newest))).scalar_one()
        return address


@pytest.fixture
async def door(live_server: LiveServer, database: Database) -> AsyncIterator[Door]:
    async with database.transaction() as connection:
        await add_user(connection, "alice", PASSWORD)
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        yield Door(client, database)


async def exhaust(database: Database) -> None:
    """Let all who have tried to log in so far have tried as often as an address may."""
    async with database.transaction() as connection:
        await connection.execute(update(login_attempts).values(attempts=PER_ADDRESS))


class TestBehindTrustedProxies:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"trusted_proxies": "127.0.0.1, 10.0.0.0/8, 2001:db8:aa::/48"})

    async def test_the_audit_has_the_last_hop_that_is_no_trusted_proxy(self, door: Door) -> None:
        expected: dict[Sequence[str], str | None] = {
            (): PEER,
            ("",): PEER,
            (CLIENT,): CLIENT,
            (f"{OTHER}, {CLIENT}",): CLIENT,
            (f"10.0.0.9, {OTHER} ,{CLIENT},10.1.2.3",): CLIENT,
            (OTHER, f"{CLIENT}, 10.1.2.3", "10.4.5.6"): CLIENT,
            ("10.1.2.3, 10.4.5.6",): "10.1.2.3",
            (f"{CLIENT}:4711",): CLIENT,
            ("2001:DB8::7, 2001:db8:aa::1",): "2001:db8::7",
            ("[2001:db8::7]:4711",): "2001:db8::7",
            (f"::ffff:{CLIENT}",): CLIENT,
            ("fe80::1%eth0",): "fe80::1",
        }
        for forwarded, address in expected.items():
            assert await door.log_in(*forwarded) is None, forwarded
            assert await door.audited() == address, forwarded

    async def test_what_is_no_address_is_recorded_as_none_and_not_looked_behind(self, door: Door) -> None:
        for garbage in ("unknown", "203.0.113.7/8", "999.1.1.1", "[::1", "1' OR '1'='1", "x" * 5_000, "東京"):
            assert await door.log_in(f"{CLIENT}, {garbage}") is None, garbage
            assert await door.audited() is None, garbage

    async def test_attempts_count_for_the_client_and_not_for_the_proxy(
        self, door: Door, database: Database
    ) -> None:
        assert await door.log_in(CLIENT, username="nobody") == "UNAUTHENTICATED"
        await exhaust(database)

        assert await door.log_in(f"{OTHER}, {CLIENT}") == "RATE_LIMITED"
        assert await door.log_in(f"{CLIENT}, {OTHER}") is None


class TestWithoutATrustedProxy:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"trusted_proxies": "10.0.0.0/8"})

    async def test_nobody_else_is_believed(self, door: Door, database: Database) -> None:
        assert await door.log_in(CLIENT) is None
        assert await door.audited() == PEER

        assert await door.log_in(CLIENT, username="nobody") == "UNAUTHENTICATED"
        await exhaust(database)
        assert await door.log_in(OTHER) == "RATE_LIMITED"


async def test_by_default_no_header_is_believed(door: Door) -> None:
    assert await door.log_in(CLIENT) is None
    assert await door.audited() == PEER
