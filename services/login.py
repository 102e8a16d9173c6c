"""From a username and a password to a pair of tokens."""

from sqlalchemy import func, select, update

from models import User
from services.audit import trace
from services.database import Database, WriteConnection
from services.errors import Unauthenticated
from services.login_attempts import count_attempt, forget_attempts
from services.passwords import hash_password, verify_password
from services.principal import Origin, Principal
from services.token_store import TokenPair, issue_pair
from services.tokens import TokenPolicy


async def log_in(
    database: Database, policy: TokenPolicy, origin: Origin, username: str, password: str
) -> TokenPair:
    """Tokens for an active account, `Unauthenticated` without a word on what was wrong, or `RateLimited`.

    It takes the database and not a connection: a failed attempt stays counted although nothing else of it
    is kept, and no transaction is open while the password is hashed.
    """
    async with database.transaction() as connection:
        await count_attempt(connection, username, origin)
        found = await connection.execute(
            select(User.id, User.hashed_password, User.is_active, User.is_admin).where(
                User.username == username
            )
        )
        account = found.one_or_none()
    verdict = await verify_password(account.hashed_password if account else None, password)
    if account is None or not account.is_active or not verdict.matches:
        raise Unauthenticated("The username or the password is wrong.", field="input.password")
    holder = Principal(account.id, username, bool(account.is_admin))
    rehashed = await hash_password(password) if verdict.outdated else None
    async with database.transaction() as connection:
        await forget_attempts(connection, username, origin)
        await _record_login(connection, account.id, rehashed)
        pair = await issue_pair(connection, policy, holder, origin)
        await trace(connection, pair.holder, origin, "login", {"tokenId": pair.access.token_id})
    return pair


async def _record_login(connection: WriteConnection, user_id: int, rehashed: str | None) -> None:
    values: dict[str, object] = {
        "last_login": func.now(),
        "login_count": func.coalesce(User.login_count, 0) + 1,
    }
    if rehashed is not None:
        values["hashed_password"] = rehashed
    await connection.execute(update(User).where(User.id == user_id).values(values))
