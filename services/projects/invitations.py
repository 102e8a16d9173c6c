"""Invitations to projects: offered by the owner, and answered by the person before anything comes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping

from models.enums import CollaboratorRole, InvitationRole, InvitationState
from services.core.database import WriteConnection
from services.core.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from services.core.principal import Principal
from services.projects.membership import admit, hand_over
from services.writing.action import Action
from services.writing.permissions import VIEWER, predicates

MOST_PENDING: Final = 100
"""Invitations of one person that wait for an answer."""

_KNOWN: Final = """
SELECT *, state = 'declined' AND answered_at > now() - INTERVAL '1 day' AS has_just_declined
FROM project_invitations WHERE project_id = $1 AND user_id = $2
"""

# One person's offers take turns, so that those that wait are counted right.
_TAKE_TURNS: Final = "SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE"

_PENDING: Final = "SELECT count(*) FROM project_invitations WHERE invited_by = $1 AND state = 'pending'"

_RUNG: Final = """
SELECT EXISTS (SELECT FROM project_invitations
               WHERE invited_by = $1 AND user_id = $2 AND invited_at > now() - INTERVAL '1 hour')
"""

_OFFER: Final = """
INSERT INTO project_invitations AS known (project_id, project_name, user_id, invited_by, role, keep_as)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project_id, user_id) DO UPDATE SET
    project_name = excluded.project_name, invited_by = excluded.invited_by, role = excluded.role,
    keep_as = excluded.keep_as, state = 'pending', invited_at = now(), answered_at = NULL
RETURNING id
"""

# It says that there is an invitation and nothing that its sender wrote.
_RING: Final = """
INSERT INTO websocket_notifications (socket_id, event_type, event_name, payload, delivery_status)
SELECT id, 'milestone', 'project_invitation', jsonb_build_object('invitation_id', $2::text), 'sent'
FROM websocket_sessions WHERE user_id = $1 AND disconnected_at IS NULL ORDER BY last_seen DESC LIMIT 100
"""

_ANSWER: Final = """
UPDATE project_invitations SET state = $2, answered_at = now() WHERE id = $1 AND state <> $2
"""

_WITHDRAW_FROM: Final = """
UPDATE project_invitations SET state = 'withdrawn', answered_at = now()
WHERE project_id = $1 AND user_id = $2 AND state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """The role that a person is offered; `keep_as` is what the owner becomes when they take it over."""

    user_id: int
    role: InvitationRole
    keep_as: CollaboratorRole | None = None


async def offer(
    connection: WriteConnection, principal: Principal, project: Mapping[str, Any], wanted: Offer, field: str
) -> UUID:
    """Invite a person to a held project; gives the invitation's key. Repeating it changes nothing.

    `field` names the person in the input. Raises: Conflict for one who declined within a day, and
    QuotaExceeded when `MOST_PENDING` invitations of the caller wait for an answer.
    """
    found = await connection.exec_driver_sql(_KNOWN, (project["id"], wanted.user_id))
    known = found.mappings().one_or_none()
    is_pending = known is not None and known["state"] == InvitationState.PENDING
    if known is not None and is_pending and _is_same(known, principal, wanted):
        same: UUID = known["id"]
        return same
    if known is not None and known["has_just_declined"]:
        raise Conflict("This person has declined; you may ask again a day later.", field=field)
    await connection.exec_driver_sql(_TAKE_TURNS, (principal.user_id,))
    pending = await connection.exec_driver_sql(_PENDING, (principal.user_id,))
    if not is_pending and pending.scalar_one() >= MOST_PENDING:
        raise QuotaExceeded(
            f"{MOST_PENDING} invitations of yours wait for an answer; withdrawInvitation takes one back.",
            field=field,
            limit=MOST_PENDING,
        )
    rung = (await connection.exec_driver_sql(_RUNG, (principal.user_id, wanted.user_id))).scalar_one()
    made = await connection.exec_driver_sql(
        _OFFER,
        (
            project["id"],
            project["name"],
            wanted.user_id,
            principal.user_id,
            wanted.role.value,
            None if wanted.keep_as is None else wanted.keep_as.value,
        ),
    )
    key: UUID = made.scalar_one()
    if not rung:
        await connection.exec_driver_sql(_RING, (wanted.user_id, str(key)))
    return key


async def accept(action: Action, key: UUID) -> int:
    """Accept an invitation to oneself; gives the key of the project. Repeating it changes nothing.

    Raises: NotFound for an invitation to another person, and Conflict when it was declined or withdrawn,
    or when who sent it does not own the project any more.
    """
    async with action.transaction(id=key) as transaction:
        invitation, project = await _held(transaction.connection, action.principal, key)
        if invitation["state"] == InvitationState.ACCEPTED:
            return int(project["id"])
        if invitation["state"] != InvitationState.PENDING:
            raise Conflict(
                f"This invitation was {invitation['state'].upper()}; ask the owner for another.",
                field="input.id",
            )
        if project["owner_id"] != invitation["invited_by"]:
            raise Conflict("The project has another owner now; ask them to invite you.", field="input.id")
        await transaction.connection.exec_driver_sql(_ANSWER, (key, InvitationState.ACCEPTED.value))
        if invitation["role"] == InvitationRole.OWNER:
            keep_as = invitation["keep_as"]
            await hand_over(
                transaction.connection,
                project,
                action.principal.user_id,
                None if keep_as is None else CollaboratorRole(keep_as),
            )
        else:
            await admit(
                transaction.connection,
                project,
                action.principal.user_id,
                CollaboratorRole(invitation["role"]),
            )
        return int(project["id"])


async def decline(action: Action, key: UUID) -> None:
    """Decline an invitation to oneself. Repeating it changes nothing.

    Raises: NotFound for an invitation to another person, and Conflict when it was accepted.
    """
    async with action.transaction(id=key) as transaction:
        invitation, _ = await _held(transaction.connection, action.principal, key)
        if invitation["state"] == InvitationState.ACCEPTED:
            raise Conflict(
                "You have accepted this invitation; use removeCollaborator to leave the project.",
                field="input.id",
            )
        if invitation["state"] == InvitationState.PENDING:
            await transaction.connection.exec_driver_sql(_ANSWER, (key, InvitationState.DECLINED.value))


async def withdraw(action: Action, key: UUID) -> None:
    """Take back an invitation, as who sent it or as the project's owner. Repeating it changes nothing.

    Raises: NotFound, Forbidden for the person who was invited, and Conflict when it was answered.
    """
    async with action.transaction(id=key) as transaction:
        seen, _ = predicates(action.principal, "project_invitations")
        found = await transaction.connection.exec_driver_sql(
            f"SELECT t.* FROM project_invitations t WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen}"
            " FOR NO KEY UPDATE OF t",
            (key, action.principal.user_id),
        )
        invitation = found.mappings().one_or_none()
        if invitation is None:
            raise _missing()
        if invitation["user_id"] == action.principal.user_id and not action.principal.is_admin:
            raise Forbidden("This invitation is to you: declineInvitation declines it.", field="input.id")
        if invitation["state"] == InvitationState.PENDING:
            await transaction.connection.exec_driver_sql(_ANSWER, (key, InvitationState.WITHDRAWN.value))
        elif invitation["state"] != InvitationState.WITHDRAWN:
            raise Conflict(f"This invitation was {invitation['state'].upper()} already.", field="input.id")


async def withdraw_from(connection: WriteConnection, project: int, user_id: int) -> None:
    """Take back what invites a person to a held project, if anything does."""
    await connection.exec_driver_sql(_WITHDRAW_FROM, (project, user_id))


async def _held(
    connection: WriteConnection, principal: Principal, key: UUID
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An invitation to the caller and its project, both held; the project first, as everywhere."""
    statement = (
        "SELECT p.* FROM projects p WHERE p.id ="
        " (SELECT t.project_id FROM project_invitations t WHERE t.id = $1 AND t.user_id = $2)"
        " FOR NO KEY UPDATE OF p"
    )
    parameters = (key, principal.user_id)
    project = (await connection.exec_driver_sql(statement, parameters)).mappings().one_or_none()
    if project is None:
        raise _missing()
    found = await connection.exec_driver_sql(
        "SELECT * FROM project_invitations WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE", parameters
    )
    invitation = found.mappings().one_or_none()
    if invitation is None:
        raise _missing()
    return dict(invitation), dict(project)


def _is_same(known: RowMapping, principal: Principal, wanted: Offer) -> bool:
    return (known["role"], known["keep_as"], known["invited_by"]) == (
        wanted.role,
        wanted.keep_as,
        principal.user_id,
    )


def _missing() -> NotFound:
    return NotFound("There is no invitation with this key that you may answer.", field="input.id")
