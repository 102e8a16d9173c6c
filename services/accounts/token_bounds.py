"""Limits the rows of auth_tokens that an account has."""

from typing import Final

from sqlalchemy import text

from services.core.database import WriteConnection

MOST_TOKENS: Final = 1_000
"""Rows of an account: those that are good, and those that tell of the reuse of a spent refresh token."""

BEYOND: Final = f"""
SELECT id FROM auth_tokens WHERE user_id = $1::int
ORDER BY is_active AND expires_at > now() DESC, id DESC OFFSET {MOST_TOKENS}
"""
"""What is too much: the oldest that are not good any more, and then the oldest."""

_TRIM: Final = text("DELETE FROM auth_tokens WHERE id IN (" + BEYOND.replace("$1::int", ":user_id") + ")")


async def trim_tokens(connection: WriteConnection, user_id: int) -> None:
    """Forget the tokens that an account has beyond `MOST_TOKENS`; who holds one is logged out."""
    await connection.execute(_TRIM, {"user_id": user_id})
