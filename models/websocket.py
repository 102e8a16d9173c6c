"""Live connections and what was sent over them (terminal §3.3, decision 18)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FALSE,
    FIXED,
    GIVEN,
    Base,
    begins_as,
    time_default_now,
    to_many,
    to_one,
    uuid_key,
)
from models.enums import DeliveryStatus, WebsocketEventType, WebsocketTransport
from models.retention import kept_from
from models.types import Choice, Json, no_json_null, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.projects import Project
    from models.users import User


class WebsocketSession(Base):
    """One live connection of a client, over WebSocket or Server-Sent Events."""

    __tablename__ = "websocket_sessions"
    __table_args__ = (
        one_of("transport", WebsocketTransport, "chk_websocket_sessions_transport"),
        Index("idx_websocket_sessions_user_id", "user_id"),
        Index(
            "idx_websocket_sessions_open",
            "process_id",
            "last_seen",
            postgresql_where=text("disconnected_at IS NULL"),
        ),
        {
            "comment": "WebSocket/SSE接続セッション管理",
            "info": kept_from("disconnected_at", "websocket_sessions"),
        },
    )

    id: Mapped[UUID] = uuid_key("WebSocketセッションID (UUID)")
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), comment="ユーザーID", doc="Key of the person connected."
    )
    transport: Mapped[WebsocketTransport] = mapped_column(
        Choice(WebsocketTransport), comment="接続方式 (websocket/sse)", doc="How the client is connected."
    )
    client_name: Mapped[str | None] = mapped_column(
        comment="クライアント名", doc="Name that the client gave."
    )
    client_version: Mapped[str | None] = mapped_column(
        comment="クライアントバージョン", doc="Version that the client gave."
    )
    ip_address: Mapped[str | None] = mapped_column(
        INET, comment="IPアドレス", doc="Address that the client connected from."
    )
    user_agent: Mapped[str | None] = mapped_column(
        comment="ユーザーエージェント", doc="User-Agent header of the client."
    )
    process_id: Mapped[UUID | None] = mapped_column(
        # Another process closes the rows of one that died.
        comment="サーバープロセスID (UUID)",
        doc="Server process that holds the connection.",
    )
    connected_at: Mapped[datetime] = time_default_now("接続日時", "When the client connected.")
    last_seen: Mapped[datetime] = time_default_now(
        "最終確認日時", "When the client last gave a sign of life."
    )
    disconnected_at: Mapped[datetime | None] = mapped_column(
        comment="切断日時", doc="When the connection ended; null while it is open."
    )
    close_code: Mapped[int | None] = mapped_column(
        comment="切断コード", doc="WebSocket close code of the connection's end."
    )

    user: Mapped[User] = to_one("websocket_sessions")
    cc_instances: Mapped[list[CcInstance]] = to_many("socket")
    notifications: Mapped[list[WebsocketNotification]] = to_many("socket")


class WebsocketNotification(Base):
    """An event for one socket, for everybody who may see a project, or, with both null, for everybody."""

    __tablename__ = "websocket_notifications"
    __table_args__ = (
        one_of("event_type", WebsocketEventType, "chk_websocket_notifications_event_type"),
        one_of("delivery_status", DeliveryStatus, "chk_websocket_notifications_delivery_status"),
        no_json_null("payload", "chk_websocket_notifications_payload", "The payload is not null."),
        Index("idx_websocket_notifications_socket_event", "socket_id", "event_type"),
        Index("idx_websocket_notifications_sent_status", "sent_at", "delivery_status"),
        Index("idx_websocket_notifications_project", "project_id", "sent_at"),
        Index(
            "idx_websocket_notifications_unconfirmed",
            "sent_at",
            postgresql_where=text("delivery_status = 'sent' AND first_sent_at IS NOT NULL"),
        ),
        {"comment": "リアルタイム進捗通知管理"},
    )

    id: Mapped[UUID] = uuid_key("通知ID (UUID)")
    socket_id: Mapped[UUID | None] = mapped_column(
        # Not SET NULL: a row without socket and project is for everybody.
        ForeignKey("websocket_sessions.id", ondelete="CASCADE"),
        info=GIVEN,
        comment="WebSocketセッションID",
        doc="Key of the one connection addressed.",
    )
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="宛先プロジェクトID",
        doc="Id of the project whose viewers are addressed.",
    )
    event_type: Mapped[WebsocketEventType] = mapped_column(
        Choice(WebsocketEventType),
        info=GIVEN,
        comment="イベントタイプ (progress/error/milestone/completion)",
        doc="What the event reports.",
    )
    event_name: Mapped[str] = mapped_column(info=GIVEN, comment="イベント名", doc="Name of the event.")
    payload: Mapped[Any] = mapped_column(
        Json, nullable=False, info=GIVEN, comment="イベントペイロード (JSON)", doc="Content of the event."
    )
    sent_at: Mapped[datetime] = time_default_now("送信時刻", "When the event was last sent.", info=BY_SERVER)
    first_sent_at: Mapped[datetime | None] = mapped_column(
        # The documents know no status before "sent", and a row is stored before any connection gets it.
        info=BY_SERVER,
        comment="初回送信時刻（接続への書き込み）",
        doc="When the event was first written to a connection; null while it has been sent to no one.",
    )
    delivery_status: Mapped[DeliveryStatus] = mapped_column(
        Choice(DeliveryStatus),
        info=BY_SERVER | begins_as("sent"),
        comment="配信ステータス (sent/delivered/failed)",
        doc="How far the event came.",
    )
    retry_count: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="再送回数",
        doc="How often the event was sent again.",
    )
    client_ack: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=BY_SERVER,
        comment="クライアント受信確認",
        doc="Whether a client confirmed that it received the event.",
    )

    socket: Mapped[WebsocketSession | None] = to_one("notifications")
    project: Mapped[Project | None] = to_one("websocket_notifications")
