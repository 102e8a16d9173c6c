"""Whose token it is: revocation within a second, without a statement for each request."""

import asyncio

import pytest
from sqlalchemy import select, update

from models import AuthToken, User
from services.accounts import authentication
from services.accounts.authentication import Authenticator
from services.accounts.token_store import IssuedToken, issue_named, issue_pair, revoke
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.errors import Unauthenticated
from services.core.principal import Origin
from tests.integration.accounts.conftest import Account
from tests.support.clock import Clock
from tests.support.statements import Statements


@pytest.fixture
async def token(database: Database, policy: TokenPolicy, origin: Origin, alice: Account) -> IssuedToken:
    """An access token of Alice's."""
    async with database.transaction() as connection:
        return (await issue_pair(connection, policy, alice.principal, origin)).access


@pytest.fixture
def clock() -> Clock:
    """By which answers grow old. It stands still: how fast the machine is must not matter."""
    return Clock()


@pytest.fixture
def authenticator(database: Database, policy: TokenPolicy, clock: Clock) -> Authenticator:
    """What one process asks."""
    return Authenticator(database, policy, clock=clock)


async def test_an_access_token_names_its_holder(
    authenticator: Authenticator, alice: Account, token: IssuedToken
) -> None:
    principal = await authenticator.authenticate(token.token)

    assert (principal.user_id, principal.username, principal.is_admin) == (alice.user_id, "alice", False)
    assert principal.token_id == token.token_id
    assert principal.api_calls_per_hour == 1000


async def test_a_thousand_requests_at_once_are_one_statement(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    authenticator: Authenticator,
    alice: Account,
    statements: Statements,
) -> None:
    async with database.transaction() as connection:
        tokens = [await issue_named(connection, policy, alice.user_id, origin) for _ in range(50)]
    statements.clear()

    await asyncio.gather(*(authenticator.authenticate(issued.token) for issued in tokens * 20))
    for issued in tokens:
        await authenticator.authenticate(issued.token)

    assert len(statements) == 1


async def test_a_revoked_token_is_refused_everywhere_within_a_second(
    database: Database, policy: TokenPolicy, clock: Clock, token: IssuedToken
) -> None:
    processes = [Authenticator(database, policy, clock=clock) for _ in range(3)]
    for process in processes:
        await process.authenticate(token.token)
    async with database.transaction() as connection:
        assert await revoke(connection, AuthToken.token_id == token.token_id) == 1
    clock.now += 1

    for process in processes:
        with pytest.raises(Unauthenticated):
            await process.authenticate(token.token)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_admin": True}])
async def test_a_change_to_the_account_reaches_its_tokens_within_a_second(
    database: Database,
    authenticator: Authenticator,
    clock: Clock,
    token: IssuedToken,
    change: dict[str, bool],
) -> None:
    assert not (await authenticator.authenticate(token.token)).is_admin
    async with database.transaction() as connection:
        await connection.execute(update(User).values(change))
    clock.now += 1

    if "is_admin" in change:
        assert (await authenticator.authenticate(token.token)).is_admin
    else:
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token.token)


async def test_a_token_expires_to_the_second_also_when_it_is_known(
    database: Database, policy: TokenPolicy, clock: Clock, token: IssuedToken
) -> None:
    wall_clock = Clock(token.expires_at.timestamp() - 1)
    authenticator = Authenticator(database, policy, clock=clock, wall_clock=wall_clock)
    await authenticator.authenticate(token.token)
    wall_clock.now += 1

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(token.token)


async def test_a_caller_that_goes_away_takes_the_answer_from_nobody(
    authenticator: Authenticator, token: IssuedToken
) -> None:
    leaving = asyncio.create_task(authenticator.authenticate(token.token))
    staying = asyncio.create_task(authenticator.authenticate(token.token))
    await asyncio.sleep(0)
    leaving.cancel()

    assert (await staying).username == "alice"
    assert leaving.cancelled() or leaving.cancelling()


async def test_a_database_that_does_not_answer_is_asked_again_by_the_next_request(
    database: Database, authenticator: Authenticator, token: IssuedToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database.checks, "take", lambda: (_ for _ in ()).throw(ConnectionRefusedError()))
        with pytest.raises(ConnectionRefusedError):
            await authenticator.authenticate(token.token)

    assert (await authenticator.authenticate(token.token)).username == "alice"


async def test_the_last_use_of_a_token_is_recorded(
    database: Database, authenticator: Authenticator, token: IssuedToken
) -> None:
    await authenticator.authenticate(token.token)

    async with database.writer.connect() as connection:
        statement = select(AuthToken.last_used).where(AuthToken.token_id == token.token_id)
        assert (await connection.execute(statement)).scalar_one() is not None


async def test_of_many_tokens_those_that_were_used_last_are_known(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    alice: Account,
    statements: Statements,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authentication, "_MAXIMUM_KNOWN", 3)
    authenticator = Authenticator(database, policy, clock=Clock())
    async with database.transaction() as connection:
        tokens = [await issue_named(connection, policy, alice.user_id, origin) for _ in range(4)]
    often, *others = tokens
    for other in others:
        await authenticator.authenticate(often.token)
        await authenticator.authenticate(other.token)
    statements.clear()

    await authenticator.authenticate(often.token)
    await authenticator.authenticate(others[-1].token)
    assert not statements

    await authenticator.authenticate(others[0].token)
    assert len(statements) == 1
