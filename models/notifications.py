"""Settings of people for notifications, and the notifications with what became of each (client §3.4)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    EMPTY_OBJECT,
    FIXED,
    GIVEN,
    HIDDEN,
    OWNER,
    SEALED_OBJECT,
    SEALED_TEXT,
    SEALED_VARIABLES,
    TRUE,
    Base,
    LogKey,
    Sealed,
    SerialKey,
    created_at,
    in_clear,
    time_default_now,
    to_one,
    updated_at,
)
from models.enums import NotificationPriority, NotificationService, NotificationStatus, NotificationType
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.sessions import Session
    from models.users import User

DUE = (
    "GREATEST(COALESCE({row}.scheduled_at, {row}.created_at), {row}.next_attempt_at, {row}.lease_expires_at)"
)
"""SQL for when a waiting notification of the table `{row}` may be claimed; GREATEST passes over NULLs."""

NEEDED = in_clear("read by the person alone, and needed to deliver")


class NotificationSetting(Base):
    """Whether and how a person is told about one kind of event through one service."""

    __tablename__ = "notification_settings"
    __table_args__ = (
        one_of("notification_type", NotificationType, "chk_notification_type"),
        one_of("service_type", NotificationService, "chk_service_type"),
        UniqueConstraint("user_id", "notification_type", "service_type", name="uk_user_notification_service"),
        Index("idx_notification_settings_user_id", "user_id"),
        Index("idx_notification_settings_user_enabled", "user_id", "is_enabled"),
        {"comment": "ユーザー通知設定"},
    )

    id: Mapped[SerialKey]
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=FIXED | OWNER,
        comment="ユーザーID",
        doc="Key of the person.",
    )
    notification_type: Mapped[NotificationType] = mapped_column(
        Choice(NotificationType, 50), info=FIXED, comment="通知種別", doc="What the person is told about."
    )
    service_type: Mapped[NotificationService] = mapped_column(
        Choice(NotificationService, 20),
        info=FIXED,
        comment="通知サービス種別",
        doc="Service that carries the notification.",
    )
    is_enabled: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=GIVEN, comment="有効フラグ", doc="Whether notifications are sent."
    )
    push_subscription: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        info=SEALED_OBJECT,
        comment="Web Push APIのPushSubscriptionオブジェクト",
        doc="PushSubscription of the Web Push API, encrypted.",
    )
    push_endpoint: Mapped[str | None] = mapped_column(
        String(500),
        info=GIVEN | NEEDED,
        comment="Web Pushエンドポイント",
        doc="Endpoint of the push service.",
    )
    webhook_url: Mapped[str | None] = mapped_column(
        String(500), info=GIVEN | NEEDED, comment="Webhook URL", doc="Where a webhook is sent."
    )
    webhook_secret: Mapped[str | None] = mapped_column(
        # Documented as VARCHAR(100) in clear; the ciphertext of 100 characters is longer (decision 27).
        info=SEALED_TEXT,
        comment="Webhook署名シークレット (暗号化)",
        doc="Secret that signs webhooks, encrypted.",
    )
    previous_webhook_secret: Mapped[str | None] = mapped_column(
        info=BY_SERVER
        | HIDDEN
        | {"sealed": Sealed.TEXT, "sealed_for": "notification_settings.webhook_secret"},
        comment="変更前のWebhook署名シークレット (暗号化)",
        doc="Secret before the last change, encrypted; it signs too for a day.",
    )
    webhook_secret_changed_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER | HIDDEN,
        comment="Webhook署名シークレット変更日時",
        doc="When the secret was last replaced.",
    )
    webhook_headers: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=SEALED_VARIABLES,
        comment="Webhook追加ヘッダー (JSON)",
        doc="Further headers of a webhook, encrypted.",
    )
    service_config: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=SEALED_VARIABLES,
        comment="LINE/Slack/Discord等のサービス固有設定",
        doc="Settings of the service, encrypted: the tokens and URLs of LINE, Slack, Discord and the like.",
    )
    filter_rules: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN | NEEDED,
        comment="フィルタ設定 (JSON)",
        doc="Which events are let through.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()

    user: Mapped[User] = to_one("notification_settings")


class NotificationHistoryEntry(Base):
    """One notification to one person through one service, and what became of it."""

    __tablename__ = "notification_history"
    __table_args__ = (
        one_of("notification_type", NotificationType, "chk_notification_history_notification_type"),
        one_of("service_type", NotificationService, "chk_notification_history_service_type"),
        one_of("status", NotificationStatus, "chk_notification_status"),
        one_of("priority", NotificationPriority, "chk_priority"),
        CheckConstraint(
            "retry_count <= max_retries",
            name="chk_retry_count_limit",
            info=broken("max_retries", "There are more retries already than this allows."),
        ),
        Index("idx_notification_history_user_id", "user_id"),
        Index("idx_notification_history_session_id", "session_id"),
        Index("idx_notification_history_user_status", "user_id", "status"),
        Index("idx_notification_history_status_scheduled", "status", "scheduled_at"),
        Index(
            "idx_notification_failed",
            "user_id",
            text("created_at DESC"),
            postgresql_where=text("status = 'failed'"),
        ),
        Index(
            "idx_notification_history_due",
            text("GREATEST(COALESCE(scheduled_at, created_at), next_attempt_at, lease_expires_at)"),
            postgresql_where=text("status = 'pending' AND summary_of IS NULL"),
        ),
        Index(
            "idx_notification_history_summary", "summary_of", postgresql_where=text("summary_of IS NOT NULL")
        ),
        {"comment": "通知送信履歴・結果", "postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[LogKey]
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=FIXED | OWNER,
        comment="ユーザーID",
        doc="Key of the person.",
    )
    session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="SET NULL"),
        info=FIXED,
        comment="セッションID",
        doc="Id of the session that the notification is about.",
    )
    notification_type: Mapped[NotificationType] = mapped_column(
        Choice(NotificationType, 50), info=GIVEN, comment="通知種別", doc="What the notification is about."
    )
    service_type: Mapped[NotificationService] = mapped_column(
        Choice(NotificationService, 20),
        info=GIVEN,
        comment="通知サービス種別",
        doc="Service that carries the notification.",
    )
    title: Mapped[str] = mapped_column(
        String(200), info=GIVEN, comment="タイトル", doc="Title of the notification."
    )
    message: Mapped[str] = mapped_column(info=GIVEN, comment="本文", doc="Text of the notification.")
    payload: Mapped[dict[str, Any] | None] = mapped_column(
        Json, info=GIVEN, comment="追加データ (JSON)", doc="Further data that goes with the notification."
    )
    priority: Mapped[NotificationPriority | None] = mapped_column(
        Choice(NotificationPriority, 10),
        server_default="normal",
        info=GIVEN,
        comment="優先度",
        doc="How urgent it is.",
    )
    status: Mapped[NotificationStatus | None] = mapped_column(
        Choice(NotificationStatus, 20),
        server_default="pending",
        info=BY_SERVER,
        comment="配信ステータス",
        doc="Where delivery stands.",
    )
    retry_count: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="リトライ回数",
        doc="How often delivery was tried again.",
    )
    max_retries: Mapped[int | None] = mapped_column(
        server_default=text("3"),
        info=GIVEN,
        comment="最大リトライ回数",
        doc="How often delivery may be tried again.",
    )
    response_code: Mapped[int | None] = mapped_column(
        info=BY_SERVER, comment="応答コード", doc="Status code of the service's answer."
    )
    response_body: Mapped[str | None] = mapped_column(
        info=BY_SERVER, comment="応答本文", doc="Body of the service's answer."
    )
    error_message: Mapped[str | None] = mapped_column(
        info=BY_SERVER, comment="エラーメッセージ", doc="What went wrong."
    )
    scheduled_at: Mapped[datetime | None] = time_default_now(
        "送信予定日時", "When it is due to be sent.", info=GIVEN
    )
    sent_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="送信日時", doc="When it was sent."
    )
    message_id: Mapped[UUID | None] = mapped_column(
        server_default=text("gen_random_uuid()"),
        info=BY_SERVER,
        comment="メッセージID (webhook-id など、再送でも不変)",
        doc="Id of the message that carries it, the same for every attempt: webhook-id and X-Line-Retry-Key.",
    )
    next_attempt_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER,
        comment="次回送信試行日時",
        doc="When it is tried again, where it waits after an attempt or for quiet hours.",
    )
    lease_expires_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER | HIDDEN,
        comment="配信リース期限",
        doc="Until when the worker that sends it has it to itself.",
    )
    lease_holder: Mapped[UUID | None] = mapped_column(
        info=BY_SERVER | HIDDEN, comment="配信中のワーカーID", doc="The worker that sends it."
    )
    summary_of: Mapped[int | None] = mapped_column(
        BigInteger,
        info=BY_SERVER | HIDDEN,
        comment="まとめて送信した通知の主キー",
        doc="Key of the notification whose message tells of this one too.",
    )
    created_at: Mapped[datetime] = created_at(primary_key=True)

    user: Mapped[User] = to_one("notification_history")
    session: Mapped[Session | None] = to_one("notification_history")


notification_pace = Table(
    "notification_pace",
    Base.metadata,
    Column(
        "user_id",
        Integer,
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        comment="ユーザーID",
        doc="Key of the person.",
    ),
    Column(
        "service_type", String(20), primary_key=True, comment="通知サービス種別", doc="Service that was used."
    ),
    Column(
        "told_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="最終まとめ送信日時",
        doc="When the last summary was begun.",
    ),
    comment="まとめ通知の間隔管理",
)
"""No mapped class: nothing of it is part of the API."""

notification_position = Table(
    "notification_position",
    Base.metadata,
    Column("id", Boolean, primary_key=True, server_default=TRUE, comment="基本キー", doc="Always true."),
    Column(
        "epoch",
        Uuid,
        nullable=False,
        comment="フィードの世代 (UUID)",
        doc="feed_state.epoch to which the position belongs.",
    ),
    Column(
        "start", Integer, nullable=False, comment="起動の連番", doc="Start of the server to which it belongs."
    ),
    Column(
        "before",
        Text,
        nullable=False,
        comment="処理済みスナップショット",
        doc="What this snapshot sees has been told; the text of a pg_snapshot.",
    ),
    Column(
        "until",
        Text,
        comment="処理中スナップショット",
        doc="The snapshot up to which is being told, where that takes several turns.",
    ),
    Column(
        "past",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="処理済みイベント連番",
        doc="Of what `until` sees, the events up to this number have been told.",
    ),
    CheckConstraint("id", name="chk_notification_position_single"),
    comment="通知生成のフィード位置",
)
"""One row. Events become notifications in the transaction that moves the position, so each does so once."""
