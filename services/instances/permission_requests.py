"""Permissions that instances ask for: asked once, answered by the first who may."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from models.enums import PermissionDecision
from services.core.errors import BadInput, Conflict
from services.core.json_codec import write_storable
from services.secrets.masking import mask, mask_text
from services.writing.action import Action, Transaction
from services.writing.archived import require_active
from services.writing.open_requests import ENDED
from services.writing.permissions import require_change
from services.writing.values import require_text

LONGEST_NAME: Final = 200
"""Characters of a tool's name; what is longer is cut."""

_TABLE: Final = "cc_permission_requests"

_ASK: Final = """
INSERT INTO cc_permission_requests
    (id, cc_instance_id, session_id, user_id, tool_name, tool_input, suggestions, asked_at)
SELECT $1, $2, session.session_id, session.user_id, $4, $5::jsonb, $6::jsonb, COALESCE($7, now())
FROM (SELECT $3::uuid AS session_id) AS given LEFT JOIN sessions AS session USING (session_id)
ON CONFLICT (id) DO NOTHING
RETURNING id
"""

# The one who comes second waits for the row, and then finds it answered, or held no longer.
_ANSWER: Final = f"""
UPDATE cc_permission_requests SET decision = $2, message = $3, answered_by = $4, {ENDED}
WHERE id = $1 AND decision IS NULL AND held_until > clock_timestamp()
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """An instance's request. Its `id` is derived from what was asked, so that twice is the same row."""

    id: UUID
    instance_id: UUID
    tool_name: str
    session_id: UUID | None = None
    tool_input: object = None
    suggestions: object = None
    asked_at: datetime | None = None


async def ask(transaction: Transaction, request: PermissionRequest) -> bool:
    """Store a request, with secrets masked; False where it is known already.

    Raises: NotFound or Forbidden for the instance.
    """
    await require_change(
        transaction.connection,
        transaction.principal,
        "cc_instances",
        request.instance_id,
        field="ccInstanceId",
    )
    found = await transaction.connection.exec_driver_sql(
        _ASK,
        (
            request.id,
            request.instance_id,
            request.session_id,
            mask_text(request.tool_name)[:LONGEST_NAME],
            _json(request.tool_input),
            _json(request.suggestions),
            request.asked_at,
        ),
    )
    return found.first() is not None


async def answer(
    action: Action, request_id: UUID, decision: PermissionDecision, message: str | None = None
) -> None:
    """Answer a request that is held. The first answer counts.

    Raises: NotFound or Forbidden for the request, Conflict when it was answered, is not held, or its project
    is archived, BadInput for a decision that no person takes, or a message that cannot be stored.
    """
    if decision is PermissionDecision.LAPSED:
        raise BadInput("Answer with ALLOW or DENY.", field="input.decision")
    if message is not None:
        require_text(message, "input.message")
    async with action.transaction(key=request_id, decision=decision.name) as transaction:
        connection = transaction.connection
        await require_change(connection, action.principal, _TABLE, request_id, field="input.id")
        await require_active(connection, _TABLE, request_id, "input.id")
        shown = None if message is None else mask_text(message)
        answered = await connection.exec_driver_sql(
            _ANSWER, (request_id, decision.value, shown, action.principal.user_id)
        )
        if answered.first() is None:
            raise await _known(transaction, request_id)


async def _known(transaction: Transaction, request_id: UUID) -> Conflict:
    """The error for a second answer: it tells the first one, or that Claude Code does not wait for any."""
    found = await transaction.connection.exec_driver_sql(
        f"SELECT decision FROM {_TABLE} WHERE id = $1", (request_id,)
    )
    stored = found.scalar_one()
    if stored is None:
        return Conflict(
            "Claude Code is not waiting for an answer through ccgraph, or no longer: answer in its terminal."
            " Requests of a project are held if its holdPermissionRequests is true.",
            field="input.id",
        )
    decision = PermissionDecision(stored)
    if decision is PermissionDecision.LAPSED:
        return Conflict(
            "This request has lapsed: the instance continued or ended without an answer.", field="input.id"
        )
    return Conflict(
        f"This request was already answered with {decision.name}.", field="input.id", decision=decision.name
    )


def _json(value: object) -> str | None:
    return None if value is None else write_storable(mask(value)).decode()
