"""Limits attempts to set e-mail addresses for one's own account: each answer tells whether another has it."""

import math
from collections.abc import Mapping
from typing import Any, Final

from services.core.errors import RateLimited
from services.writing.action import Action

MOST_A_DAY: Final = 5

# Tries of one person take turns, so that they are counted right.
_TAKE_TURNS: Final = "SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE"

_TRIED: Final = """
SELECT count(*) AS tried, extract(epoch FROM min(created_at) + INTERVAL '1 day' - now()) AS remaining
FROM system_logs
WHERE user_id = $1 AND category = 'audit' AND message = 'updateUser' AND details @> '{"tried": "email"}'
  AND created_at > now() - INTERVAL '1 day'
"""


async def count_try(action: Action, user_id: int, changes: Mapping[str, Any]) -> None:
    """Return when the caller may try the address in `changes`, if there is one.

    A try has a commit of its own: it stays counted, as an audit row, although nothing else of it is kept.
    Administrators see all addresses, and the accounts of others are not theirs to change.

    Raises: RateLimited with `retryAfter`.
    """
    principal = action.principal
    if changes.get("email") is None or principal.is_admin or user_id != principal.user_id:
        return
    async with action.transaction(tried="email") as transaction:
        connection = transaction.connection
        await connection.exec_driver_sql(_TAKE_TURNS, (principal.user_id,))
        found = (await connection.exec_driver_sql(_TRIED, (principal.user_id,))).one()
        if found.tried >= MOST_A_DAY:
            raise RateLimited(
                f"An e-mail address may be changed {MOST_A_DAY} times a day; "
                "try again later, or ask an administrator.",
                field="input.patch.email",
                retryAfter=max(1, math.ceil(found.remaining)),
            )
