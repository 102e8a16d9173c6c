"""Shared sessions: who takes part, let in by a token or by name, never more than may (client §3.2.2)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from models.enums import ParticipantState
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict, Forbidden, NotFound, QuotaExceeded
from services.core.principal import Principal
from services.writing import shapes
from services.writing.action import Action, Transaction
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import create, int_key, lock_row
from services.writing.tables import TABLES
from services.writing.values import Unfit

_TABLE: Final = TABLES["collaboration_sessions"]

# A change of who takes part holds the shared session until the commit, so that places are counted right.
_HOLD: Final = """
SELECT shared.*, sessions.user_id AS session_user_id,
       (shared.expires_at IS NULL OR shared.expires_at > now()) AS is_open
FROM collaboration_sessions shared JOIN sessions USING (session_id)
WHERE {condition} FOR NO KEY UPDATE OF shared
"""

_ASK: Final = """
INSERT INTO collaboration_participants (collaboration_session_id, user_id, state) VALUES ($1, $2, 'requested')
ON CONFLICT (collaboration_session_id, user_id)
DO UPDATE SET state = 'requested', requested_at = now(), joined_at = NULL, left_at = NULL
RETURNING id
"""

_ADMIT_BY: Final = "UPDATE collaboration_sessions SET access_token = $2 WHERE id = $1"
_JOIN: Final = (
    "UPDATE collaboration_participants SET state = 'joined', joined_at = now(), left_at = NULL WHERE id = $1"
)
_END_PART: Final = "UPDATE collaboration_participants SET state = $2, left_at = now() WHERE id = $1"
_COUNT: Final = """
UPDATE collaboration_sessions SET
    current_participants = (SELECT count(*) FROM collaboration_participants
                            WHERE collaboration_session_id = $1 AND state = 'joined'),
    total_joins = COALESCE(total_joins, 0) + $2
WHERE id = $1
"""

_EMPTY: Final = """
UPDATE collaboration_participants SET state = 'left', left_at = now()
WHERE collaboration_session_id = $1 AND state IN ('joined', 'requested')
"""

# The shared sessions are held in one order, as by all who change who takes part.
_LEAVE_EVERYTHING: Final = """
WITH taken AS (
    SELECT id FROM collaboration_sessions
    WHERE id IN (SELECT collaboration_session_id FROM collaboration_participants WHERE user_id = $1)
    ORDER BY id FOR NO KEY UPDATE
), gone AS (
    DELETE FROM collaboration_participants part USING taken
    WHERE part.collaboration_session_id = taken.id AND part.user_id = $1
    RETURNING part.collaboration_session_id AS id, part.state = 'joined' AS counted
)
UPDATE collaboration_sessions shared SET current_participants = shared.current_participants - 1
FROM gone WHERE gone.id = shared.id AND gone.counted
"""

_CLOSE: Final = """
UPDATE collaboration_sessions SET expires_at = LEAST(expires_at, now()), access_token = NULL WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """A session that is now shared: the row's key, and the token that invites, which is stored nowhere."""

    id: int
    access_token: str


async def share(action: Action, given: Mapping[str, object]) -> Shared:
    """Share a session of one's own; `given` holds columns of collaboration_sessions.

    Raises: BadInput, NotFound, and Forbidden when another person runs the session.
    """
    async with action.transaction(sessionId=given["session_id"]) as transaction:
        key = transaction.details["id"] = int_key(await create(transaction, _TABLE.name, given))
        token = secrets.token_urlsafe(32)
        await transaction.connection.exec_driver_sql(_ADMIT_BY, (key, _hashed(token)))
    return Shared(key, token)


async def join(action: Action, token: str | None, shared_id: int | None) -> UUID:
    """Take part in a shared session, or ask to; gives the participant's key. Repeating it changes nothing.

    One gives either the token of an invitation or, where the sharing is public or invites one by name, its
    key. A shared session whose host lets each person in answers with a request.

    Raises: BadInput, NotFound for what invites to nothing, Conflict when the sharing has ended, Forbidden
    when the host refused, or named others, and QuotaExceeded when every place is taken.
    """
    if (token is None) == (shared_id is None):
        raise BadInput("Give either accessToken or collaborationSessionId.", field="input")
    async with action.transaction() as transaction:
        connection, principal = transaction.connection, action.principal
        if token is not None:
            field = "input.accessToken"
            row = await _invited_by_token(connection, token, field)
        else:
            field = "input.collaborationSessionId"
            row = await _invited_by_name(connection, principal, shared_id, field)
        key = transaction.details["participantId"] = await _join(connection, principal, row, field)
    return key


async def approve(action: Action, participant_id: UUID) -> None:
    """Let a person in who asked to, or whom one had refused. Repeating it changes nothing.

    Open to the host and the person who runs the session. Raises: NotFound, Forbidden, Conflict when the
    person has left or the sharing has ended, QuotaExceeded when every place is taken.
    """
    async with action.transaction(participantId=participant_id) as transaction:
        shared, participant = await _held_for_host(transaction, participant_id)
        if participant["state"] == ParticipantState.JOINED:
            return
        _require_open(shared, "input.participantId")
        if participant["state"] == ParticipantState.LEFT:
            raise Conflict("This person has left; they have to ask again.", field="input.participantId")
        await _let_in(transaction.connection, shared, participant_id, "input.participantId")


async def refuse(action: Action, participant_id: UUID) -> None:
    """Turn down a person who asked, or send away one who takes part; neither can come back by the token.

    Raises: NotFound, Forbidden. Repeating it changes nothing.
    """
    async with action.transaction(participantId=participant_id) as transaction:
        shared, participant = await _held_for_host(transaction, participant_id)
        if participant["state"] != ParticipantState.REFUSED:
            await _end_part(transaction.connection, shared["id"], participant, ParticipantState.REFUSED)


async def leave(action: Action, shared_id: int) -> UUID:
    """End one's own part, or one's request; gives the participant's key. Repeating it changes nothing.

    Raises: NotFound when one never took part.
    """
    async with action.transaction(collaborationSessionId=shared_id) as transaction:
        row = await _held(transaction.connection, "shared.id = $1", shared_id)
        participant = (
            None
            if row is None
            else await _part_of(transaction.connection, shared_id, action.principal.user_id)
        )
        if participant is None:
            raise NotFound(
                "There is no shared session with this key that you take part in.",
                field="input.collaborationSessionId",
            )
        if participant["state"] in (ParticipantState.JOINED, ParticipantState.REQUESTED):
            await _end_part(transaction.connection, shared_id, participant, ParticipantState.LEFT)
        key: UUID = participant["id"]
        return key


async def end(action: Action, shared_id: int) -> None:
    """End a sharing: everybody leaves and the token is no good any more. Repeating it changes nothing.

    Open to the host and to the person who runs the session. Raises: NotFound or Forbidden.
    """
    async with action.transaction(collaborationSessionId=shared_id) as transaction:
        await lock_row(transaction, _TABLE, shared_id)
        await transaction.connection.exec_driver_sql(_EMPTY, (shared_id,))
        await transaction.connection.exec_driver_sql(_COUNT, (shared_id, 0))
        await transaction.connection.exec_driver_sql(_CLOSE, (shared_id,))


async def leave_everything(connection: WriteConnection, user_id: int) -> None:
    """End all parts of a person whose account is about to go; the places are free for others."""
    await connection.exec_driver_sql(_LEAVE_EVERYTHING, (user_id,))


async def _invited_by_token(connection: WriteConnection, token: str, field: str) -> Mapping[str, Any]:
    row = await _held(connection, "shared.access_token = $1", _hashed(token))
    if row is None:
        raise NotFound("This token invites to no shared session; ask the host for a new one.", field=field)
    return row


async def _invited_by_name(
    connection: WriteConnection, principal: Principal, shared_id: int | None, field: str
) -> Mapping[str, Any]:
    row = await _held(connection, "shared.id = $1", shared_id)
    if row is None or not (row["is_public"] or principal.user_id in (_invited(row) or ())):
        raise NotFound("There is no shared session with this key that invites you.", field=field)
    return row


async def _join(
    connection: WriteConnection, principal: Principal, shared: Mapping[str, Any], field: str
) -> UUID:
    """Ask to take part in the held shared session, and come in where no approval is needed."""
    _require_open(shared, field)
    if principal.user_id in (shared["host_user_id"], shared["session_user_id"]):
        raise Conflict("This is your own session; you need not join it.", field=field)
    invited = _invited(shared)
    if invited is not None and principal.user_id not in invited:
        raise Forbidden("The host has invited other people by name; ask to be added.", field=field)
    participant = await _part_of(connection, shared["id"], principal.user_id)
    state = None if participant is None else participant["state"]
    if state == ParticipantState.REFUSED:
        raise Forbidden("The host has refused you; ask them to change their mind.", field=field)
    if participant is None or state == ParticipantState.LEFT:
        asked = await connection.exec_driver_sql(_ASK, (shared["id"], principal.user_id))
        key: UUID = asked.scalar_one()
    else:
        key = participant["id"]
    if state != ParticipantState.JOINED and not shared["requires_approval"]:
        await _let_in(connection, shared, key, field)
    return key


async def _let_in(
    connection: WriteConnection, shared: Mapping[str, Any], participant_id: UUID, field: str
) -> None:
    taken = await connection.exec_driver_sql(
        "SELECT count(*) FROM collaboration_participants"
        " WHERE collaboration_session_id = $1 AND state = 'joined'",
        (shared["id"],),
    )
    limit = shared["max_participants"]
    if limit is not None and taken.scalar_one() >= limit:
        raise QuotaExceeded(
            f"All {limit} places are taken; try again when a participant has left.", field=field, limit=limit
        )
    await connection.exec_driver_sql(_JOIN, (participant_id,))
    await connection.exec_driver_sql(_COUNT, (shared["id"], 1))


async def _end_part(
    connection: WriteConnection, shared_id: int, participant: Mapping[str, Any], state: ParticipantState
) -> None:
    await connection.exec_driver_sql(_END_PART, (participant["id"], state.value))
    await connection.exec_driver_sql(_COUNT, (shared_id, 0))


async def _held(connection: WriteConnection, condition: str, value: object) -> Mapping[str, Any] | None:
    result = await connection.exec_driver_sql(_HOLD.format(condition=condition), (value,))
    row = result.mappings().one_or_none()
    return None if row is None else dict(row)


async def _held_for_host(
    transaction: Transaction, participant_id: UUID
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The shared session, locked, and the participant as they stand then; for those who may change it."""
    connection, principal = transaction.connection, transaction.principal
    seen, _ = predicates(principal, "collaboration_participants")
    found = await connection.exec_driver_sql(
        "SELECT t.collaboration_session_id FROM collaboration_participants t"
        f" WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        (participant_id, principal.user_id),
    )
    shared_id = found.scalar()
    if shared_id is None:
        raise NotFound("There is no participant with this key that you may see.", field="input.participantId")
    await lock_row(transaction, _TABLE, shared_id, "input.participantId")
    shared = await _held(connection, "shared.id = $1", shared_id)
    participant = await connection.exec_driver_sql(
        "SELECT * FROM collaboration_participants WHERE id = $1", (participant_id,)
    )
    if shared is None:
        raise NotFound("This session is no longer shared.", field="input.participantId")
    return shared, dict(participant.mappings().one())


async def _part_of(connection: WriteConnection, shared_id: int, user_id: int) -> Mapping[str, Any] | None:
    result = await connection.exec_driver_sql(
        "SELECT * FROM collaboration_participants WHERE collaboration_session_id = $1 AND user_id = $2",
        (shared_id, user_id),
    )
    row = result.mappings().one_or_none()
    return None if row is None else dict(row)


def _require_open(shared: Mapping[str, Any], field: str) -> None:
    if not shared["is_open"]:
        raise Conflict("This sharing has ended; ask the host to share the session again.", field=field)


def _invited(shared: Mapping[str, Any]) -> frozenset[int] | None:
    """The people invited by name; None when no list is kept, none at all by a list of another shape."""
    try:
        return shapes.invited(shared["allowed_users"])
    except Unfit:
        return frozenset()


def _hashed(token: str) -> str:
    """The digest of a token that is stored: a token is random enough for a plain SHA-256."""
    return sha256(token.encode(errors="replace")).hexdigest()
