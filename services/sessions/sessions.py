"""Sessions of people: started, stopped, failed and used along the documented statuses (client §3.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.enums import SessionStatus
from services.core.errors import Forbidden
from services.writing.action import Action, Transaction
from services.writing.rows import LockedRow, lock_row, write_changes
from services.writing.tables import TABLES
from services.writing.values import parameters

_TABLE: Final = TABLES["sessions"]

_TOUCH: Final = "UPDATE sessions SET last_accessed = now() WHERE id = $1"
_IN_CONTROL: Final = """
SELECT 1 FROM collaboration_sessions shared
JOIN collaboration_participants part ON part.collaboration_session_id = shared.id
WHERE shared.session_id = $1 AND part.user_id = $2 AND part.state = 'joined'
  AND shared.share_mode = 'full_control' AND (shared.expires_at IS NULL OR shared.expires_at > now())
"""

# What is already under way, or done, is not asked for again.
_ALREADY: Final[Mapping[SessionStatus, frozenset[SessionStatus]]] = {
    SessionStatus.STARTING: frozenset({SessionStatus.RUNNING}),
    SessionStatus.STOPPING: frozenset({SessionStatus.STOPPED}),
}


@dataclass(frozen=True, slots=True)
class SessionMove:
    """A step in the life of a session; `known` holds further columns, such as `container_id`."""

    id: int
    status: SessionStatus
    known: Mapping[str, object]


async def move(action: Action, wanted: SessionMove) -> None:
    """Change a session's status and stamp the time of the step; repeating a step changes nothing.

    Open to the person who runs the session and to participants with full control.

    Raises: NotFound, Forbidden, and Conflict for a step that makes no sense (decision 24).
    """
    async with action.transaction(id=wanted.id, status=wanted.status) as transaction:
        await _move(transaction, wanted)


async def fail(action: Action, session_id: int, reason: str | None) -> None:
    """Mark a session as gone wrong; `reason` is for the audit log. As `move` otherwise."""
    async with action.transaction(id=session_id, reason=reason) as transaction:
        await _move(transaction, SessionMove(session_id, SessionStatus.ERROR, {}))


async def touch(action: Action, session_id: int) -> None:
    """Note that the session is in use now. Raises: NotFound or Forbidden."""
    async with action.transaction(id=session_id) as transaction:
        await lock_row(transaction, _TABLE, session_id, for_guests=True)
        await transaction.connection.exec_driver_sql(_TOUCH, (session_id,))


async def _move(transaction: Transaction, wanted: SessionMove) -> None:
    row = await lock_row(transaction, _TABLE, wanted.id, for_guests=True)
    await _require_control(transaction, row)
    if row["status"] == wanted.status or row["status"] in _ALREADY.get(wanted.status, ()):
        return
    given = {**wanted.known, "status": wanted.status}
    changes = await parameters(_TABLE, given, "input", transaction.vault)
    await write_changes(transaction, _TABLE, row, changes, "input")


async def _require_control(transaction: Transaction, row: LockedRow) -> None:
    principal = transaction.principal
    if principal.is_admin or row["user_id"] == principal.user_id:
        return
    asked = (row["session_id"], principal.user_id)
    granted = await transaction.connection.exec_driver_sql(_IN_CONTROL, asked)
    if granted.first() is None:
        raise Forbidden(
            "This session is shared with you without full control; ask its host to start or stop it.",
            field="input.id",
        )
