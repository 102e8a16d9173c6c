"""Declarations of people's sessions, their sharing and the operations on files in them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from models import CollaborationSession, FileOperation, Session
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict, NotFound
from services.core.json_codec import read_stored
from services.writing import lifecycles, quotas, shapes
from services.writing.declaration import Access, Reference, Unlinked, Values, writable
from services.writing.declarations.of_project import DIRECTLY, EDITED_PROJECT, same_value
from services.writing.values import Unfit


async def _session_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await quotas.require_session(connection, values["user_id"])


async def _sharing_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await _require_people(connection, values, prefix)
    _require_time_to_come(values, prefix)


async def _sharing_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """A sharing that has ended stays so: its guests were told, and its token is void."""
    if row["expires_at"] is not None and row["expires_at"] <= datetime.now(UTC):
        raise Conflict("This sharing has ended; shareSession begins a new one.", field=prefix)
    await _require_people(connection, changes, prefix)
    _require_time_to_come(changes, prefix)


async def _require_people(connection: WriteConnection, values: Values, prefix: str) -> None:
    """The list of those who may come is a list of people, or it would let in everyone, or no one."""
    if values.get("allowed_users") is None:
        return
    field = f"{prefix}.allowedUsers"
    try:
        named = shapes.invited(read_stored(values["allowed_users"]))
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None
    known = await connection.exec_driver_sql("SELECT id FROM users WHERE id = ANY($1)", ([*(named or ())],))
    unknown = (named or frozenset()) - set(known.scalars())
    if unknown:
        raise NotFound(f"There is no user with the id {min(unknown)}.", field=field)


def _require_time_to_come(values: Values, prefix: str) -> None:
    if values.get("expires_at") is not None and values["expires_at"] <= datetime.now(UTC):
        raise BadInput(
            "Choose a time that is yet to come; endSharedSession ends a sharing now.",
            field=f"{prefix}.expiresAt",
        )


SESSIONS: Final = writable(
    Session,
    references=(
        EDITED_PROJECT,
        Reference(
            "worktree_id",
            "worktrees",
            "worktree_id",
            condition=same_value("user_id", "user_id"),
            sentence="This worktree belongs to another person.",
        ),
    ),
    lifecycle=lifecycles.SESSION,
    archive=Unlinked(DIRECTLY, ("project_id",)),
    before_create=_session_created,
)

COLLABORATION_SESSIONS: Final = writable(
    CollaborationSession,
    belongs_by="session_id",
    references=(
        Reference(
            "session_id",
            "sessions",
            "session_id",
            access=Access.CHANGE,
            condition=same_value("user_id", "host_user_id"),
            sentence="A session is shared by the person who runs it.",
        ),
    ),
    before_create=_sharing_created,
    before_plain_update=_sharing_changed,
)

FILE_OPERATIONS: Final = writable(FileOperation, append_only=True, belongs_by="session_id")
