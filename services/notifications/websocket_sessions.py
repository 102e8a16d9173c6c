"""Live connections in websocket_sessions: opened, alive, closed, and closed for a process that died."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Update, Uuid, any_, bindparam, func, insert, select, update

from models import WebsocketSession
from models.enums import WebsocketTransport
from services.core.database import WriteConnection
from services.core.principal import Origin

ABNORMAL_CLOSURE = 1006
"""The close code of a connection that ended without one (RFC 6455, 7.4.1)."""

_OPEN: Final = insert(WebsocketSession)
_CLOSE: Final = (
    update(WebsocketSession)
    .where(WebsocketSession.id == bindparam("session"), WebsocketSession.disconnected_at.is_(None))
    .values(disconnected_at=func.now(), close_code=bindparam("code"))
)
_CONFIRM: Final = (
    update(WebsocketSession)
    .where(WebsocketSession.process_id == bindparam("process"), WebsocketSession.disconnected_at.is_(None))
    .values(last_seen=func.now())
)
_REOPEN: Final = (
    update(WebsocketSession)
    .where(
        WebsocketSession.process_id == bindparam("process"),
        WebsocketSession.id == any_(bindparam("sessions", type_=ARRAY(Uuid))),
        WebsocketSession.disconnected_at.is_not(None),
    )
    .values(disconnected_at=None, close_code=None, last_seen=func.now())
)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A connection that was just made."""

    id: UUID
    user_id: int
    transport: WebsocketTransport
    origin: Origin
    client_name: str | None = None
    client_version: str | None = None


async def open_sessions(
    connection: WriteConnection, process_id: UUID, sessions: Sequence[NewSession]
) -> None:
    """Enter new connections of this process, all in one statement."""
    await connection.execute(
        _OPEN,
        [
            {
                "id": session.id,
                "user_id": session.user_id,
                "transport": session.transport,
                "client_name": session.client_name,
                "client_version": session.client_version,
                "ip_address": session.origin.ip_address,
                "user_agent": session.origin.user_agent,
                "process_id": process_id,
            }
            for session in sessions
        ],
    )


async def close_sessions(connection: WriteConnection, closed: Mapping[UUID, int]) -> None:
    """Note that connections ended; `closed` maps their ids to close codes."""
    await connection.execute(_CLOSE, [{"session": session, "code": code} for session, code in closed.items()])


async def confirm_sessions(connection: WriteConnection, process_id: UUID) -> int:
    """Say that this process and its connections are alive; gives the number of those that are open."""
    result = await connection.execute(_CONFIRM, {"process": process_id})
    return result.rowcount


async def reopen_sessions(
    connection: WriteConnection, process_id: UUID, session_ids: Collection[UUID]
) -> None:
    """Take back that connections of this process were closed as lost: they are alive."""
    await connection.execute(_REOPEN, {"process": process_id, "sessions": list(session_ids)})


async def close_lost_sessions(
    connection: WriteConnection, silent_for: timedelta, most: int | None = None
) -> int:
    """Close sessions, at most so many, that no process confirmed for `silent_for`: theirs died. How many."""
    result = await connection.execute(closing_lost(silent_for, most))
    return result.rowcount


def closing_lost(silent_for: timedelta, most: int | None) -> Update:
    """The statement of `close_lost_sessions`."""
    lost = (
        select(WebsocketSession.id)
        .where(
            WebsocketSession.disconnected_at.is_(None),
            WebsocketSession.last_seen < func.now() - silent_for,
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (
        update(WebsocketSession)
        .where(WebsocketSession.id.in_(lost))
        .values(disconnected_at=WebsocketSession.last_seen, close_code=ABNORMAL_CLOSURE)
    )
