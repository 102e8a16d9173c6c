"""Changes that are one statement, which is a transaction by itself and leaves its audit row.

A transaction of several statements costs a change seven round trips. What is done often has a statement that
checks, writes and traces at once. It stores everything or, where something is not in order, nothing, and has
no value; the same change then goes the long way through a transaction, which finds out what is wrong.
"""

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from services.database import Database
from services.principal import Origin, Principal

ACTING: Final = "set_config('ccgraph.actor_id', $1::int::text, true)"
"""Selected by what the statement writes from: the feed's triggers, which run after it, ask for the actor."""

UNFLUSHED: Final = "(SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)"
"""Read by a statement whose commit does not wait for the disk, where a crash may take the last moment."""

FIRST_PARAMETER: Final = 6
"""The parameters before are the caller's and the request's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who does what: `action` is the name of the mutation."""

    database: Database
    principal: Principal
    origin: Origin
    action: str

    async def change(self, statement: str, *parameters: object) -> Any:
        """The value that the statement returns once it is committed; None when it has changed nothing.

        `parameters` are numbered from FIRST_PARAMETER.
        """
        try:
            async with self.database.at_once.acquire() as connection:
                value = await connection.fetchval(
                    statement,
                    self.principal.user_id,
                    self.action,
                    self.origin.request_id,
                    self.origin.ip_address,
                    self.origin.user_agent,
                    *parameters,
                )
        except asyncpg.IntegrityConstraintViolationError:
            return None
        if value is not None:
            self.database.after_commit()
        return value


def traced(source: str, details: str) -> str:
    """SQL that writes the audit row for each row of the query `source`; `details` is a jsonb of that row."""
    return (
        "INSERT INTO system_logs (level, category, module, user_id, message, details,"
        " request_id, ip_address, user_agent)"
        f" SELECT 'INFO', 'audit', 'api', $1::int, $2::text, {details},"
        f" $3::uuid, $4::text::inet, $5::text FROM {source}"
    )
