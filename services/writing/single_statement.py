"""Changes that are one statement, which is a transaction by itself and leaves its audit row.

A transaction of several statements costs a change seven round trips. What is done often has a statement that
checks, writes and traces at once. It stores everything or, where something is not in order, nothing, and has
no value; the same change then goes the long way through a transaction, which finds out what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from services.core.database import Database
from services.core.principal import Origin, Principal

ACTING: Final = "set_config('ccgraph.actor_id', $1::int::text, true)"
"""Selected by what the statement writes from: the feed's triggers, which run after it, ask for the actor."""

UNFLUSHED: Final = "(SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)"
"""Read by a statement whose commit does not wait for the disk, where a crash may take the last moment."""

FIRST_PARAMETER: Final = 6
"""The parameters before are the caller's and the request's."""

ORIGIN: Final = "$3::uuid, $4::text::inet, $5::text"
"""What the audit row says of the request."""

ORIGINS: Final = "$3::uuid[], $4::text[], $5::text[]"
ORIGIN_OF_ROW: Final = "from_request, from_address::inet, from_agent"
"""The same where several requests share the statement: what `unnest` takes, and the columns it gives."""


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
        origin = self.origin
        request = (origin.request_id, origin.ip_address, origin.user_agent)
        try:
            values = await self._values(statement, *request, *parameters)
        except asyncpg.IntegrityConstraintViolationError:
            return None
        return values[0] if values else None

    async def change_for(
        self, origins: Sequence[Origin], statement: str, *parameters: object
    ) -> Sequence[Any]:
        """The same for several requests of the caller: all values that the statement returns.

        Raises what PostgreSQL does; nothing is changed then.
        """
        requests = [(origin.request_id, origin.ip_address, origin.user_agent) for origin in origins]
        return await self._values(statement, *map(list, zip(*requests, strict=True)), *parameters)

    async def _values(self, statement: str, *parameters: object) -> Sequence[Any]:
        person = self.principal.user_id
        async with self.database.writing.of(person), self.database.at_once.acquire() as connection:
            rows = await connection.fetch(statement, self.principal.user_id, self.action, *parameters)
        if rows:
            self.database.after_commit()
        return [row[0] for row in rows]


def traced(source: str, details: str, origin: str = ORIGIN) -> str:
    """SQL that writes the audit row for each row of `source`, which is what follows FROM.

    `details` is a jsonb of that row, and `origin` what it says of its request.
    """
    return (
        "INSERT INTO system_logs (level, category, module, user_id, message, details,"
        " request_id, ip_address, user_agent)"
        f" SELECT 'INFO', 'audit', 'api', $1::int, $2::text, {details}, {origin} FROM {source}"
    )
