"""Accounts: who may create, change and end them, and what that does to their tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import AuthToken, User
from services.accounts.accounts import add_user, create_user, deactivate_user, delete_user, update_user
from services.accounts.login import log_in
from services.accounts.login_attempts import PER_ACCOUNT
from services.accounts.personal_tokens import NamedToken, change_password, create_access_token, revoke_token
from services.accounts.token_store import TokenPair, issue_named, issue_pair
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.errors import BadInput, Conflict, DomainError, Forbidden, NotFound, RateLimited
from services.core.principal import Origin, Principal
from tests.integration.accounts.conftest import PASSWORD, Account
from tests.support.acting import action, anonymous


@pytest.fixture
async def root(database: Database) -> Principal:
    """An administrator."""
    async with database.transaction() as connection:
        return Principal(await add_user(connection, "root", PASSWORD, is_admin=True), "root", is_admin=True)


@pytest.fixture
def caller(alice: Account) -> Principal:
    """Alice, who is no administrator."""
    return Principal(alice.user_id, alice.username, is_admin=False)


@pytest.fixture
async def pair(database: Database, policy: TokenPolicy, origin: Origin, alice: Account) -> TokenPair:
    """The tokens of a login of Alice's."""
    async with database.transaction() as connection:
        return await issue_pair(connection, policy, alice.principal, origin)


async def users(database: Database) -> list[Any]:
    """Every account as it is stored."""
    async with database.writer.connect() as connection:
        return list((await connection.execute(select(User.__table__).order_by(User.id))).all())


async def good_tokens(database: Database) -> set[Any]:
    """The ids of the tokens that are still good."""
    async with database.writer.connect() as connection:
        statement = select(AuthToken.token_id).where(AuthToken.is_active.is_(True))
        return set((await connection.execute(statement)).scalars())


async def refused(database: Database, work: Any, error: type[DomainError], field: str | None) -> None:
    """`work()` fails in this way, and nothing has changed."""
    before = await users(database), await good_tokens(database)
    with pytest.raises(error) as refusal:
        await work()
    assert refusal.value.field == field
    assert (await users(database), await good_tokens(database)) == before


async def test_an_administrator_creates_an_account_that_can_log_in(
    database: Database, policy: TokenPolicy, origin: Origin, root: Principal
) -> None:
    quota = {"api_calls_per_hour": 50_000, "storage_limit_gb": 2.5}
    values = {"email": "bob@example.com", "resource_quota": quota}
    created = await create_user(action(database, root), "bob", PASSWORD, values)

    stored = (await users(database))[-1]
    assert (stored.id, stored.email, stored.is_admin, stored.resource_quota) == (
        created,
        "bob@example.com",
        False,
        quota,
    )
    assert (await log_in(anonymous(database, origin), policy, "bob", PASSWORD)).holder.user_id == created


async def test_nobody_else_creates_accounts(database: Database, caller: Principal) -> None:
    await refused(
        database, lambda: create_user(action(database, caller), "bob", PASSWORD, {}), Forbidden, None
    )


@pytest.mark.parametrize(
    ("username", "password", "values", "error", "field"),
    [
        ("al", PASSWORD, {}, BadInput, "input.username"),
        ("x" * 51, PASSWORD, {}, BadInput, "input.username"),
        ("al ice", PASSWORD, {}, BadInput, "input.username"),
        ("花子花子", PASSWORD, {}, BadInput, "input.username"),
        ("alice", PASSWORD, {}, Conflict, "input.username"),
        ("bob", "short", {}, BadInput, "input.password"),
        ("bob", PASSWORD, {"email": "bob"}, BadInput, "input.email"),
        ("bob", PASSWORD, {"email": "a@" + "b" * 100 + ".jp"}, BadInput, "input.email"),
        ("bob", PASSWORD, {"email": "root@example.com"}, Conflict, "input.email"),
        ("bob", PASSWORD, {"is_admin": None}, BadInput, "input.isAdmin"),
        ("bob", PASSWORD, {"preferences": []}, BadInput, "input.preferences"),
        ("bob", PASSWORD, {"resource_quota": {"max_cats": 1}}, BadInput, "input.resourceQuota"),
        ("bob", PASSWORD, {"resource_quota": {"max_sessions": -1}}, BadInput, "input.resourceQuota"),
        ("bob", PASSWORD, {"resource_quota": {"max_sessions": True}}, BadInput, "input.resourceQuota"),
        ("bob", PASSWORD, {"resource_quota": {"max_sessions": 1.5}}, BadInput, "input.resourceQuota"),
    ],
)
async def test_what_an_account_cannot_be_is_refused_with_its_field(
    database: Database,
    root: Principal,
    alice: Account,
    username: str,
    password: str,
    values: dict[str, Any],
    error: type[DomainError],
    field: str,
) -> None:
    await update_user(action(database, root), root.user_id, {"email": "root@example.com"})

    await refused(
        database,
        lambda: create_user(action(database, root), username, password, values),
        error,
        field,
    )


async def test_people_change_their_own_address_and_preferences(database: Database, caller: Principal) -> None:
    changes = {"email": "alice@example.com", "preferences": {"言語": "ja"}}
    await update_user(action(database, caller), caller.user_id, changes)

    [stored] = await users(database)
    assert (stored.email, stored.preferences) == ("alice@example.com", {"言語": "ja"})
    await update_user(action(database, caller), caller.user_id, {"email": None})
    assert (await users(database))[0].email is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"is_admin": True}, "input.patch.isAdmin"),
        ({"is_active": False}, "input.patch.isActive"),
        ({"resource_quota": {}}, "input.patch.resourceQuota"),
        ({"username": "mallory"}, "input.patch.username"),
        ({"password": PASSWORD}, "input.patch.password"),
    ],
)
async def test_what_is_for_administrators_is_refused_to_others(
    database: Database, caller: Principal, changes: dict[str, Any], field: str
) -> None:
    await refused(
        database,
        lambda: update_user(action(database, caller), caller.user_id, changes),
        Forbidden,
        field,
    )


async def test_the_accounts_of_others_are_left_alone(
    database: Database, root: Principal, caller: Principal
) -> None:
    await refused(
        database,
        lambda: update_user(action(database, caller), root.user_id, {"email": None}),
        Forbidden,
        "input.id",
    )
    await refused(
        database, lambda: deactivate_user(action(database, caller), root.user_id), Forbidden, "input.id"
    )
    await refused(database, lambda: delete_user(action(database, caller), root.user_id), Forbidden, None)


async def test_an_account_that_does_not_exist_is_not_found(database: Database, root: Principal) -> None:
    await refused(
        database,
        lambda: update_user(action(database, root), 4_711, {"email": None}),
        NotFound,
        "input.id",
    )


async def test_a_deactivated_account_has_no_good_token(
    database: Database, root: Principal, alice: Account, pair: TokenPair
) -> None:
    await deactivate_user(action(database, root), alice.user_id)

    assert not await good_tokens(database)
    assert {user.id for user in await users(database) if user.is_active} == {root.user_id}


async def test_a_new_password_from_an_administrator_ends_every_login(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    root: Principal,
    alice: Account,
    pair: TokenPair,
) -> None:
    await update_user(action(database, root), alice.user_id, {"password": "another password"})

    assert not await good_tokens(database)
    await log_in(anonymous(database, origin), policy, "alice", "another password")


@pytest.mark.parametrize("step", ["update", "deactivate", "delete"])
async def test_the_last_administrator_cannot_go(database: Database, root: Principal, step: str) -> None:
    steps = {
        "update": lambda: update_user(action(database, root), root.user_id, {"is_admin": False}),
        "deactivate": lambda: deactivate_user(action(database, root), root.user_id),
        "delete": lambda: delete_user(action(database, root), root.user_id),
    }

    await refused(database, steps[step], Conflict, "input.id")


async def test_of_two_administrators_who_step_down_at_once_one_stays(
    database: Database, root: Principal
) -> None:
    async with database.transaction() as connection:
        other_id = await add_user(connection, "second", PASSWORD, is_admin=True)
    other = Principal(other_id, "second", is_admin=True)

    async def step_down(principal: Principal) -> None:
        await deactivate_user(action(database, principal), principal.user_id)

    outcomes = await asyncio.gather(step_down(root), step_down(other), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict]
    assert sum(bool(user.is_active) for user in await users(database)) == 1


async def test_a_deleted_account_is_gone_with_its_tokens(
    database: Database, root: Principal, alice: Account, pair: TokenPair
) -> None:
    await delete_user(action(database, root), alice.user_id)

    assert [user.id for user in await users(database)] == [root.user_id]
    assert not await good_tokens(database)


async def test_a_changed_password_ends_every_other_login_and_named_token(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        await issue_pair(connection, policy, alice.principal, origin)
        await issue_named(connection, policy, alice.user_id, origin, name="builder")
    here = Principal(alice.user_id, "alice", is_admin=False, token_id=pair.access.token_id)

    await change_password(action(database, here, origin=origin), PASSWORD, "another password")

    assert await good_tokens(database) == {pair.access.token_id, pair.refresh.token_id}
    await log_in(anonymous(database, origin), policy, "alice", "another password")


async def test_a_password_changed_by_a_named_token_ends_the_other_named_tokens_too(
    database: Database, policy: TokenPolicy, origin: Origin, alice: Account, pair: TokenPair
) -> None:
    async with database.transaction() as connection:
        await issue_named(connection, policy, alice.user_id, origin, name="other")
        named = await issue_named(connection, policy, alice.user_id, origin, name="builder")
    here = Principal(alice.user_id, "alice", is_admin=False, token_id=named.token_id)

    await change_password(action(database, here, origin=origin), PASSWORD, "another password")

    assert await good_tokens(database) == {named.token_id}


async def test_the_current_password_cannot_be_guessed(
    database: Database, origin: Origin, caller: Principal, pair: TokenPair
) -> None:
    before = await users(database)
    for _ in range(PER_ACCOUNT):
        with pytest.raises(BadInput, match="current password"):
            await change_password(
                action(database, caller, origin=origin), "wrong password", "another password"
            )

    with pytest.raises(RateLimited):
        await change_password(action(database, caller, origin=origin), PASSWORD, "another password")

    assert await users(database) == before
    assert len(await good_tokens(database)) == 2


async def test_a_named_token_carries_its_name_and_expiry(
    database: Database, policy: TokenPolicy, origin: Origin, caller: Principal
) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    wanted = NamedToken(" builder ", expires_at, PASSWORD)
    issued = await create_access_token(action(database, caller, origin=origin), policy, wanted)
    async with database.transaction() as connection:
        row = (await connection.execute(select(AuthToken.name, AuthToken.expires_at))).one()

    assert (row.name, row.expires_at) == ("builder", issued.expires_at)
    assert abs(issued.expires_at - expires_at) <= timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "days", "field"),
    [
        ("", 1, "input.name"),
        ("  ", 1, "input.name"),
        ("x" * 101, 1, "input.name"),
        ("builder", -1, "input.expiresAt"),
        ("builder", 367, "input.expiresAt"),
    ],
)
async def test_a_token_without_a_name_or_end_is_refused(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    caller: Principal,
    name: str,
    days: int,
    field: str,
) -> None:
    wanted = NamedToken(name, datetime.now(UTC) + timedelta(days=days), PASSWORD)
    with pytest.raises(BadInput) as refusal:
        await create_access_token(action(database, caller, origin=origin), policy, wanted)
    assert refusal.value.field == field


async def test_one_revokes_ones_own_tokens_and_an_administrator_any(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    root: Principal,
    caller: Principal,
    pair: TokenPair,
) -> None:
    async with database.transaction() as connection:
        named = await issue_named(connection, policy, root.user_id, origin, name="builder")
    await refused(
        database,
        lambda: revoke_token(action(database, caller), named.token_id),
        NotFound,
        "input.tokenId",
    )

    await revoke_token(action(database, caller), pair.refresh.token_id)
    assert await good_tokens(database) == {named.token_id}

    await revoke_token(action(database, root), named.token_id)
    assert not await good_tokens(database)
