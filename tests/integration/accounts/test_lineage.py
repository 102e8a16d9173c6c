"""A token ends with the login or the token that made it, and none is made without the password."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from models import AuthToken
from services.accounts.accounts import update_user
from services.accounts.authentication import Authenticator
from services.accounts.login_attempts import PER_ACCOUNT
from services.accounts.personal_tokens import (
    MOST_GENERATIONS,
    NamedToken,
    change_password,
    create_access_token,
    revoke_token,
)
from services.accounts.token_store import (
    IssuedToken,
    TokenPair,
    exchange,
    issue_for_username,
    issue_pair,
    revoke_login,
)
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.errors import BadInput, QuotaExceeded, RateLimited, Unauthenticated
from services.core.principal import Origin, Principal
from tests.integration.accounts.conftest import PASSWORD, Account
from tests.support.acting import action
from tests.support.waiting import until_locked_out

Make = Callable[[UUID], Awaitable[IssuedToken]]
Root = Principal(0, "root", is_admin=True)


@pytest.fixture
async def login(database: Database, policy: TokenPolicy, origin: Origin, alice: Account) -> TokenPair:
    """A login of the person."""
    async with database.transaction() as connection:
        return await issue_pair(connection, policy, alice.principal, origin)


@pytest.fixture
def make(database: Database, policy: TokenPolicy, origin: Origin, alice: Account) -> Make:
    """Makes a named token with the token of this id."""

    def made(token_id: UUID) -> Awaitable[IssuedToken]:
        maker = replace(alice.principal, token_id=token_id)
        return create_access_token(action(database, maker, origin=origin), policy, wanted())

    return made


def wanted(password: str = PASSWORD) -> NamedToken:
    return NamedToken("agent", datetime.now(UTC) + timedelta(days=300), password)


async def good(database: Database, *tokens: IssuedToken) -> list[bool]:
    """Which of the tokens open anything."""
    async with database.writer.connect() as connection:
        found = await connection.execute(select(AuthToken.token_id).where(AuthToken.is_active.is_(True)))
        active = set(found.scalars())
    return [token.token_id in active for token in tokens]


async def test_a_named_token_ends_with_the_login_that_made_it_and_no_other(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, login: TokenPair, make: Make
) -> None:
    async with database.transaction() as connection:
        other = await issue_pair(connection, policy, alice.principal, origin)
    mine, theirs = await make(login.access.token_id), await make(other.access.token_id)
    below = await make(mine.token_id)
    authenticator = Authenticator(database, policy)
    await authenticator.authenticate(below.token)

    async with database.transaction() as connection:
        await revoke_login(connection, login.access.token_id)

    assert await good(database, mine, below, theirs, other.access) == [False, False, True, True]
    with pytest.raises(Unauthenticated):
        await Authenticator(database, policy).authenticate(below.token)


async def test_a_named_token_ends_when_the_refresh_token_of_its_login_is_shown_twice(
    database: Database, policy: TokenPolicy, origin: Origin, login: TokenPair, make: Make
) -> None:
    first = await make(login.access.token_id)
    async with database.transaction() as connection:
        second = await exchange(connection, policy, login.refresh.token, origin)
    assert second is not None
    later = await make(second.access.token_id)
    below = await make(first.token_id)
    assert await good(database, first, later, below) == [True, True, True]

    async with database.transaction() as connection:
        assert await exchange(connection, policy, login.refresh.token, origin) is None

    assert await good(database, first, later, below) == [False, False, False]


async def test_revoking_a_token_ends_what_it_made_and_not_what_made_it(
    database: Database, alice: Account, login: TokenPair, make: Make
) -> None:
    one, other = await make(login.access.token_id), await make(login.access.token_id)
    child = await make(one.token_id)
    grandchild = await make(child.token_id)

    await revoke_token(action(database, alice.principal), one.token_id)

    assert await good(database, one, child, grandchild) == [False, False, False]
    assert await good(database, other, login.access, login.refresh) == [True, True, True]


async def test_what_an_expired_token_has_made_still_ends_with_its_login(
    database: Database, login: TokenPair, make: Make
) -> None:
    """Maintenance deletes the rows of expired tokens; the lineage does not depend on them."""
    middle = await make(login.access.token_id)
    below = await make(middle.token_id)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("DELETE FROM auth_tokens WHERE token_id = $1", (middle.token_id,))

    async with database.transaction() as connection:
        await revoke_login(connection, login.refresh.token_id)

    assert await good(database, below) == [False]


@pytest.mark.parametrize("family", ["kept", "none"])
async def test_a_token_of_the_command_line_or_from_before_makes_tokens_that_end_with_it(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, make: Make, family: str
) -> None:
    async with database.transaction() as connection:
        printed = await issue_for_username(connection, policy, "alice", origin, timedelta(days=1))
        if family == "none":  # as they were stored before there was a lineage
            await connection.execute(update(AuthToken).values(family_id=None))
    child = await make(printed.token_id)
    assert await good(database, printed, child) == [True, True]

    await revoke_token(action(database, alice.principal), printed.token_id)

    assert await good(database, printed, child) == [False, False]


async def test_a_new_password_ends_the_named_tokens_of_this_login_too(
    database: Database, origin: Origin, alice: Account, login: TokenPair, make: Make
) -> None:
    named = await make(login.access.token_id)
    caller = replace(alice.principal, token_id=login.access.token_id)

    await change_password(action(database, caller, origin=origin), PASSWORD, "battery horse correct")

    assert await good(database, named, login.access, login.refresh) == [False, True, True]


async def test_without_the_password_no_token_is_made_and_guesses_are_counted(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, login: TokenPair
) -> None:
    caller = replace(alice.principal, token_id=login.access.token_id)
    for _ in range(PER_ACCOUNT):
        with pytest.raises(BadInput) as refusal:
            await create_access_token(
                action(database, caller, origin=origin), policy, wanted("a wrong password")
            )
        assert refusal.value.field == "input.password"
    with pytest.raises(RateLimited):
        await create_access_token(action(database, caller, origin=origin), policy, wanted())

    async with database.writer.connect() as connection:
        assert len((await connection.execute(select(AuthToken.id))).all()) == 2


async def test_a_token_that_was_revoked_makes_none(database: Database, login: TokenPair, make: Make) -> None:
    async with database.transaction() as connection:
        await revoke_login(connection, login.access.token_id)

    with pytest.raises(Unauthenticated):
        await make(login.access.token_id)


async def test_generations_are_bounded(login: TokenPair, make: Make) -> None:
    maker = login.access
    for _ in range(MOST_GENERATIONS):
        maker = await make(maker.token_id)

    with pytest.raises(QuotaExceeded):
        await make(maker.token_id)


@pytest.mark.parametrize("attempt", range(4))
async def test_no_token_slips_out_of_a_login_that_is_ended_at_the_same_moment(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    login: TokenPair,
    make: Make,
    attempt: int,
) -> None:
    async def end() -> None:
        await asyncio.sleep(0.012 * attempt)
        async with database.transaction() as connection:
            await revoke_login(connection, login.access.token_id)

    async def refresh() -> None:
        await asyncio.sleep(0.011 * attempt)
        async with database.transaction() as connection:
            await exchange(connection, policy, login.refresh.token, origin)

    await asyncio.gather(
        *(make(login.access.token_id) for _ in range(4)), end(), refresh(), return_exceptions=True
    )

    async with database.writer.connect() as connection:
        found = await connection.execute(select(AuthToken.id).where(AuthToken.is_active.is_(True)))
    assert found.all() == []


@pytest.mark.parametrize("how", ["logout", "password"])
async def test_whoever_ends_a_login_waits_for_what_is_being_made_with_it(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    alice: Account,
    login: TokenPair,
    how: str,
    database_url: str,
) -> None:
    """A refresh has been read but not committed: its new pair ends, too, though nobody saw it at first."""
    async with database.transaction() as slow:
        await exchange(slow, policy, login.refresh.token, origin)

        async def end() -> None:
            if how == "logout":
                async with database.transaction() as connection:
                    await revoke_login(connection, login.access.token_id)
            else:
                changes = {"password": "battery horse correct"}
                root = replace(Root, user_id=alice.user_id)
                await update_user(action(database, root), alice.user_id, changes)

        ending = asyncio.create_task(end())
        await until_locked_out(database_url)
        assert not ending.done()
    await ending

    async with database.writer.connect() as connection:
        found = await connection.execute(select(AuthToken.id).where(AuthToken.is_active.is_(True)))
    assert found.all() == []
