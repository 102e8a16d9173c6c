"""Logging in: what it gives, what it records, what it never tells."""

import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, text, update

from app.config.settings import Settings
from models import AuthToken, User, login_attempts
from models.enums import TokenType
from services.accounts.login import log_in
from services.accounts.login_attempts import (
    PER_ACCOUNT,
    PER_ACCOUNT_IN_ALL,
    PER_ADDRESS,
)
from services.accounts.passwords import Verdict, verify_password
from services.accounts.tokens import TokenPolicy, read
from services.core.database import Database
from services.core.errors import RateLimited, Unauthenticated
from services.core.principal import Origin
from tests.integration.accounts.conftest import Account
from tests.support.acting import anonymous
from tests.support.maintaining import maintain


async def value(database: Database, statement: Any) -> Any:
    """The single value of a statement."""
    async with database.writer.connect() as connection:
        return (await connection.execute(statement)).scalar_one()


async def number_of_tokens(database: Database) -> int:
    return int(await value(database, select(func.count()).select_from(AuthToken)))


async def test_a_login_gives_two_tokens_of_one_family_and_is_recorded(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    pair = await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    access = read(policy, pair.access.token, TokenType.ACCESS)
    refresh = read(policy, pair.refresh.token, TokenType.REFRESH)
    assert (access.user_id, refresh.user_id, pair.holder.user_id) == (alice.user_id,) * 3
    async with database.writer.connect() as connection:
        rows = (await connection.execute(select(AuthToken.__table__).order_by(AuthToken.id))).all()
        user = (await connection.execute(select(User.last_login, User.login_count))).one()
    assert [row.token_id for row in rows] == [access.token_id, refresh.token_id]
    assert [row.expires_at for row in rows] == [access.expires_at, refresh.expires_at]
    assert len({row.family_id for row in rows}) == 1
    assert {(str(row.ip_address), row.user_agent) for row in rows} == {("192.0.2.7", "tests")}
    assert user.last_login is not None
    assert user.login_count == 1


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", "wrong password"), ("nobody", "wrong password"), ("ALICE", "correct horse battery"), ("", "")],
)
async def test_every_failed_login_gets_the_same_words_and_leaves_no_token(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, username: str, password: str
) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        await log_in(anonymous(database, origin), policy, username, password)

    assert refusal.value.message == "The username or the password is wrong."
    assert await number_of_tokens(database) == 0
    assert await value(database, select(User.login_count)) == 0


async def test_a_deactivated_account_cannot_log_in_and_is_not_given_away(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(User).values(is_active=False))

    with pytest.raises(Unauthenticated, match="The username or the password is wrong"):
        await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    assert await number_of_tokens(database) == 0


@pytest.mark.usefixtures("real_passwords")
async def test_a_hash_of_old_parameters_is_renewed_at_login(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(alice.password)
    async with database.transaction() as connection:
        await connection.execute(update(User).values(hashed_password=weak))

    await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    assert "m=19456,t=2,p=1" in await value(database, select(User.hashed_password))
    await log_in(anonymous(database, origin), policy, alice.username, alice.password)


async def test_after_ten_failures_the_account_is_closed_for_a_while_even_to_the_right_password(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    for _ in range(PER_ACCOUNT):
        with pytest.raises(Unauthenticated):
            await log_in(anonymous(database, origin), policy, alice.username, "wrong password")

    with pytest.raises(RateLimited) as refusal:
        await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    wait = refusal.value.details["retryAfter"]
    assert isinstance(wait, int)
    assert 800 < wait <= 900
    assert await number_of_tokens(database) == 0


async def test_attempts_at_the_same_time_do_not_get_past_the_limit(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    attempts = [
        log_in(anonymous(database, origin), policy, alice.username, "wrong password") for _ in range(25)
    ]

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    assert sum(isinstance(outcome, Unauthenticated) for outcome in outcomes) == PER_ACCOUNT
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 25 - PER_ACCOUNT


async def test_a_login_forgives_the_failures_before_it(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    for _ in range(3):
        for _ in range(PER_ACCOUNT - 1):
            with pytest.raises(Unauthenticated):
                await log_in(anonymous(database, origin), policy, alice.username, "wrong password")
        await log_in(anonymous(database, origin), policy, alice.username, alice.password)


async def test_logins_of_one_account_at_the_same_moment_all_succeed(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    logins = [
        log_in(anonymous(database, origin), policy, alice.username, alice.password)
        for _ in range(PER_ACCOUNT)
    ]

    pairs = await asyncio.gather(*logins)

    assert len({pair.access.token_id for pair in pairs}) == PER_ACCOUNT
    assert await value(database, select(User.login_count)) == PER_ACCOUNT
    assert await value(database, select(func.max(login_attempts.c.attempts))) == 0


@pytest.mark.parametrize("change", [{"is_active": False}, {"hashed_password": "another"}])
async def test_an_account_that_is_barred_or_gets_another_password_meanwhile_is_not_logged_in(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    alice: Account,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
) -> None:
    async def verify_slowly(hashed: str | None, password: str) -> Verdict:
        async with database.transaction() as connection:
            await connection.execute(update(User).values(change))
        return await verify_password(hashed, password)

    monkeypatch.setattr("services.accounts.login.verify_password", verify_slowly)

    with pytest.raises(Unauthenticated, match="The username or the password is wrong"):
        await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    assert await number_of_tokens(database) == 0
    assert await value(database, select(User.login_count)) == 0


async def test_an_account_that_does_not_exist_is_closed_in_the_same_way(
    database: Database, policy: TokenPolicy, origin: Origin
) -> None:
    for _ in range(PER_ACCOUNT):
        with pytest.raises(Unauthenticated):
            await log_in(anonymous(database, origin), policy, "nobody", "wrong password")

    with pytest.raises(RateLimited):
        await log_in(anonymous(database, origin), policy, "nobody", "wrong password")


async def test_one_address_cannot_go_through_many_accounts(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    with pytest.raises(Unauthenticated):
        await log_in(anonymous(database, origin), policy, "nobody", "wrong password")
    async with database.transaction() as connection:
        await connection.execute(update(login_attempts).values(attempts=PER_ADDRESS))

    with pytest.raises(RateLimited):
        await log_in(anonymous(database, origin), policy, alice.username, alice.password)

    elsewhere = Origin(ip_address="192.0.2.8")
    await log_in(anonymous(database, elsewhere), policy, alice.username, alice.password)


async def test_addresses_of_one_ipv6_network_count_as_one(
    database: Database, policy: TokenPolicy, alice: Account
) -> None:
    for last in ("1", "2:3"):
        came_from = Origin(ip_address=f"2001:db8:0:7::{last}")
        with pytest.raises(Unauthenticated):
            await log_in(anonymous(database, came_from), policy, f"nobody{last[0]}", "wrong password")

    assert await value(database, select(func.max(login_attempts.c.attempts))) == 2


async def test_the_count_starts_anew_when_its_time_has_passed(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    with pytest.raises(Unauthenticated):
        await log_in(anonymous(database, origin), policy, alice.username, "wrong password")
    async with database.transaction() as connection:
        await connection.execute(
            update(login_attempts).values(
                attempts=1_000, window_started_at=text("now() - interval '15 minutes 1 second'")
            )
        )

    await log_in(anonymous(database, origin), policy, alice.username, alice.password)


async def test_maintenance_deletes_counts_that_count_no_more(
    settings: Settings, database: Database, policy: TokenPolicy, origin: Origin
) -> None:
    with pytest.raises(Unauthenticated):
        await log_in(anonymous(database, origin), policy, "nobody", "wrong password")
    await maintain(settings, database)
    assert await rows_of_attempts(database) == 3
    async with database.transaction() as connection:
        await connection.execute(
            update(login_attempts).values(window_started_at=text("now() - interval '1 hour'"))
        )
    assert (await maintain(settings, database))["tokens"].done == {"login_attempts": 3}
    assert await rows_of_attempts(database) == 0


async def rows_of_attempts(database: Database) -> int:
    return int(await value(database, select(func.count()).select_from(login_attempts)))


async def test_an_address_past_its_limit_stores_nothing_and_closes_no_account(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    for number in range(PER_ADDRESS):
        with pytest.raises(Unauthenticated):
            await log_in(anonymous(database, origin), policy, f"made-up-{number}", "wrong password")
    before = await rows_of_attempts(database)
    assert before <= 2 * PER_ADDRESS + 1
    for number in range(PER_ACCOUNT + 1):
        with pytest.raises(RateLimited):
            await log_in(anonymous(database, origin), policy, alice.username, f"wrong password {number}")
        with pytest.raises(RateLimited):
            await log_in(anonymous(database, origin), policy, f"another-{number}", "wrong password")

    assert await rows_of_attempts(database) == before
    await log_in(
        anonymous(database, Origin(ip_address="198.51.100.1")), policy, alice.username, alice.password
    )


async def test_one_address_closes_an_account_for_itself_and_several_for_all(
    database: Database, policy: TokenPolicy, alice: Account
) -> None:
    for place in range(PER_ACCOUNT_IN_ALL // PER_ACCOUNT):
        await log_in(
            anonymous(database, Origin(ip_address="198.51.100.1")), policy, alice.username, alice.password
        )
        address = Origin(ip_address=f"192.0.2.{place + 1}")
        for _ in range(PER_ACCOUNT):
            with pytest.raises(Unauthenticated):
                await log_in(anonymous(database, address), policy, alice.username, "wrong password")
        with pytest.raises(RateLimited):
            await log_in(anonymous(database, address), policy, alice.username, alice.password)
    for place in range(PER_ACCOUNT_IN_ALL // PER_ACCOUNT):
        address = Origin(ip_address=f"203.0.113.{place + 1}")
        for _ in range(PER_ACCOUNT - (1 if place == 0 else 0)):
            with pytest.raises((Unauthenticated, RateLimited)):
                await log_in(anonymous(database, address), policy, alice.username, "wrong password")
    with pytest.raises(RateLimited):
        await log_in(
            anonymous(database, Origin(ip_address="198.51.100.2")), policy, alice.username, alice.password
        )
