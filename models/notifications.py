"""Which notifications a person wants, and what became of each (client §3.4)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    EMPTY_OBJECT,
    FIXED,
    GIVEN,
    OWNER,
    SEALED_TEXT,
    TRUE,
    Base,
    LogKey,
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
        info=GIVEN | NEEDED,
        comment="Web Push APIのPushSubscriptionオブジェクト",
        doc="PushSubscription of the Web Push API.",
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
    webhook_headers: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN | NEEDED,
        comment="Webhook追加ヘッダー (JSON)",
        doc="Further headers of a webhook.",
    )
    service_config: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN | NEEDED,
        comment="LINE/Slack/Discord等のサービス固有設定",
        doc="Settings of the service: LINE, Slack, Discord and the like.",
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
    created_at: Mapped[datetime] = created_at(primary_key=True)

    user: Mapped[User] = to_one("notification_history")
    session: Mapped[Session | None] = to_one("notification_history")
