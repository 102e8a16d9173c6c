"""Changes that are one statement, which is a transaction by itself and leaves its audit row.

A transaction of several statements costs a change seven round trips. What is done often has a statement that
checks, writes and traces at once. It stores everything or, where something is not in order, nothing, and has
no value; the same change then goes the long way through a transaction, which finds out what is wrong.
"""

from collections.abc import Sequence
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
"""The parameters before are the caller's and the request's: $3 to $5 are arrays, of several requests."""

REQUESTS: Final = "$3::uuid[], $4::text[], $5::text[]"
"""What `unnest` takes to give each request of the statement as `ORIGIN_COLUMNS`."""

ORIGIN_COLUMNS: Final = "from_request, from_address, from_agent"


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
            found = await self.change_for([self.origin], statement, *parameters)
        except asyncpg.IntegrityConstraintViolationError:
            return None
        return found[0] if found else None

    async def change_for(
        self, origins: Sequence[Origin], statement: str, *parameters: object
    ) -> Sequence[Any]:
        """The same for several requests of the caller: the values that the statement returns.

        Raises what PostgreSQL does; then nothing is changed.
        """
        async with self.database.at_once.acquire() as connection:
            rows = await connection.fetch(
                statement,
                self.principal.user_id,
                self.action,
                [origin.request_id for origin in origins],
                [origin.ip_address for origin in origins],
                [origin.user_agent for origin in origins],
                *parameters,
            )
        if rows:
            self.database.after_commit()
        return [row[0] for row in rows]


def traced(source: str, details: str) -> str:
    """SQL that writes the audit row for each row of `source`; `details` is a jsonb of that row.

    `source` is what follows FROM, and has the `ORIGIN_COLUMNS`.
    """
    return (
        "INSERT INTO system_logs (level, category, module, user_id, message, details,"
        " request_id, ip_address, user_agent)"
        f" SELECT 'INFO', 'audit', 'api', $1::int, $2::text, {details},"
        f" from_request, from_address::inet, from_agent FROM {source}"
    )
