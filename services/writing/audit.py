"""Audit rows: who changed what through the API, in system_logs, in the very transaction of the change."""

from collections.abc import Mapping
from typing import Final

import orjson

from services.core.database import WriteConnection
from services.core.principal import Origin, Principal
from services.secrets.masking import mask

_LOG: Final = """
INSERT INTO system_logs (level, category, module, user_id, message, details,
                         request_id, ip_address, user_agent)
VALUES ('INFO', 'audit', 'api', $1, $2, $3, $4, $5::text::inet, $6)
"""


async def act_as(connection: WriteConnection, principal: Principal) -> None:
    """Let the change feed know whose transaction this is (change_events.actor_id)."""
    await connection.exec_driver_sql(
        "SELECT set_config('ccgraph.actor_id', $1, true)", (str(principal.user_id),)
    )


async def trace(
    connection: WriteConnection,
    principal: Principal,
    origin: Origin,
    action: str,
    details: Mapping[str, object],
) -> None:
    """Log that the caller did `action`, the name of a mutation; `details` say to what, masked."""
    await connection.exec_driver_sql(
        _LOG,
        (
            principal.user_id,
            action,
            orjson.dumps(mask(dict(details)), default=str).decode(),
            origin.request_id,
            origin.ip_address,
            origin.user_agent,
        ),
    )
