"""Refresh tokens are good once; a spent one that is shown again ends the whole login."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from models import AuthToken, User
from models.enums import TokenType
from services.accounts.token_store import (
    TokenPair,
    exchange,
    issue_for_username,
    issue_named,
    issue_pair,
    revoke_login,
)
from services.accounts.tokens import TokenPolicy, read
from services.core.database import Database
from services.core.errors import NotFound, Unauthenticated
from services.core.principal import Origin
from tests.integration.accounts.conftest import Account


@pytest.fixture
async def pair(database: Database, policy: TokenPolicy, origin: Origin, alice: Account) -> TokenPair:
    """The tokens of a login."""
    async with database.transaction() as connection:
        return await issue_pair(connection, policy, alice.principal, origin)


async def exchanged(
    database: Database, policy: TokenPolicy, origin: Origin, refresh_token: str
) -> TokenPair | None:
    """One exchange in a transaction of its own, as the mutation does it."""
    async with database.transaction() as connection:
        return await exchange(connection, policy, refresh_token, origin)


async def active_tokens(database: Database) -> int:
    """How many tokens are still good."""
    async with database.writer.connect() as connection:
        statement = select(func.count()).select_from(AuthToken).where(AuthToken.is_active.is_(True))
        return int((await connection.execute(statement)).scalar_one())


async def test_a_refresh_token_gives_a_new_pair_of_the_same_family(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    second = await exchanged(database, policy, origin, pair.refresh.token)

    assert second is not None
    assert read(policy, second.access.token, TokenType.ACCESS).user_id == pair.holder.user_id
    async with database.writer.connect() as connection:
        families = (await connection.execute(select(AuthToken.family_id).distinct())).all()
    assert len(families) == 1
    assert await exchanged(database, policy, origin, second.refresh.token) is not None


async def test_a_spent_refresh_token_ends_every_token_of_its_login(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    second = await exchanged(database, policy, origin, pair.refresh.token)
    assert second is not None

    assert await exchanged(database, policy, origin, pair.refresh.token) is None

    assert await active_tokens(database) == 0
    assert await exchanged(database, policy, origin, second.refresh.token) is None


async def test_another_login_of_the_same_person_goes_on(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        other = await issue_pair(connection, policy, alice.principal, origin)
    await exchanged(database, policy, origin, pair.refresh.token)
    await exchanged(database, policy, origin, pair.refresh.token)

    assert await exchanged(database, policy, origin, other.refresh.token) is not None


async def test_of_two_exchanges_at_the_same_time_none_leaves_a_good_token(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    outcomes = await asyncio.gather(
        *(exchanged(database, policy, origin, pair.refresh.token) for _ in range(4))
    )

    assert sum(outcome is not None for outcome in outcomes) == 1
    assert await active_tokens(database) == 0


async def test_a_refresh_token_of_a_deactivated_account_is_refused(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(User).values(is_active=False))

    assert await exchanged(database, policy, origin, pair.refresh.token) is None
    assert await active_tokens(database) == 0


async def test_a_refresh_token_whose_row_is_gone_is_refused(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        await connection.execute(delete(AuthToken))

    assert await exchanged(database, policy, origin, pair.refresh.token) is None


async def test_an_access_token_is_no_refresh_token(
    database: Database, policy: TokenPolicy, origin: Origin, pair: TokenPair
) -> None:
    with pytest.raises(Unauthenticated):
        await exchanged(database, policy, origin, pair.access.token)

    assert await active_tokens(database) == 2


async def test_ending_a_login_leaves_named_tokens_alone(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        named = await issue_named(
            connection, policy, alice.user_id, origin, name="builder", lifetime=timedelta(days=90)
        )
        await revoke_login(connection, pair.access.token_id)
        rows = await connection.execute(select(AuthToken.token_id).where(AuthToken.is_active.is_(True)))

    assert [row.token_id for row in rows] == [named.token_id]


async def test_a_named_token_is_ended_by_itself(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        named = await issue_named(connection, policy, alice.user_id, origin, name="builder")
        await revoke_login(connection, named.token_id)

    assert await active_tokens(database) == 2


async def test_a_token_for_scripts_is_issued_by_username(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account
) -> None:
    async with database.transaction() as connection:
        issued = await issue_for_username(connection, policy, "alice", origin)
        with pytest.raises(NotFound, match="nobody"):
            await issue_for_username(connection, policy, "nobody", origin)

    assert read(policy, issued.token, TokenType.ACCESS).user_id == alice.user_id
