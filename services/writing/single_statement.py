"""SQL for changes that are one statement, which is a transaction by itself and leaves its audit row.

A transaction of several statements costs a change seven round trips. What is done often has a statement that
checks, writes and traces at once. It stores everything or, where something is not in order, nothing, and has
no value; the same change is then made in a transaction, which finds out what is wrong. `Action.attempt` runs
such statements (services/writing/action.py).
"""

from typing import Final

SET_ACTOR: Final = "set_config('ccgraph.actor_id', $1::int::text, true)"
"""Selected by what the statement writes from: the feed's triggers, which run after it, ask for the actor."""

ASYNC_COMMIT: Final = "(SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)"
"""Read by a statement whose commit does not wait for the disk, where a crash may take the last moment."""

FIRST_PARAMETER: Final = 6
"""The parameters before are the caller's and the request's."""

ORIGIN: Final = "$3::uuid, $4::text::inet, $5::text"
"""What the audit row says of the request."""

ORIGINS: Final = "$3::uuid[], $4::text[], $5::text[]"
ORIGIN_OF_ROW: Final = "from_request, from_address::inet, from_agent"
"""The same where several requests share the statement: what `unnest` takes, and the columns it gives."""


def audit_insert(source: str, details: str, origin: str = ORIGIN) -> str:
    """SQL that writes the audit row for each row of `source`, which is what follows FROM.

    `details` is a jsonb of that row, and `origin` what it says of its request.
    """
    return (
        "INSERT INTO system_logs (level, category, module, user_id, message, details,"
        " request_id, ip_address, user_agent)"
        f" SELECT 'INFO', 'audit', 'api', $1::int, $2::text, {details}, {origin} FROM {source}"
    )
