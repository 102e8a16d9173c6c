"""The server's own log and its settings (client §3.5.2, §3.5.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FALSE,
    FIXED,
    GIVEN,
    Base,
    LogKey,
    SerialKey,
    created_at,
    in_clear,
    to_one,
    transaction_id,
    updated_at,
)
from models.enums import SettingDataType, SystemLogLevel
from models.search import SEARCHES
from models.types import Choice, Json, no_json_null, one_of

if TYPE_CHECKING:
    from models.sessions import Session
    from models.users import User


class SystemLog(Base):
    """One entry of the server's log; changes made through the API are traced here."""

    __tablename__ = "system_logs"
    __table_args__ = (
        one_of("level", SystemLogLevel, "chk_log_level"),
        Index("idx_system_logs_user_id", "user_id"),
        Index("idx_system_logs_session_id", "session_id"),
        Index("idx_system_logs_level_created", "level", text("created_at DESC")),
        Index("idx_system_logs_module_created", "module", text("created_at DESC")),
        Index(
            "idx_system_logs_message_search", text(SEARCHES["system_logs"].vector()), postgresql_using="gin"
        ),
        Index("idx_system_logs_xid", "xid"),
        Index("idx_system_logs_created_at", "created_at", "id"),
        {"comment": "システム動作ログ・エラーログ", "postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[LogKey]
    level: Mapped[SystemLogLevel] = mapped_column(
        Choice(SystemLogLevel, 10), info=GIVEN, comment="ログレベル", doc="Severity of the entry."
    )
    category: Mapped[str] = mapped_column(
        String(50), info=GIVEN, comment="カテゴリ", doc="Category of the entry."
    )
    module: Mapped[str] = mapped_column(
        String(50), info=GIVEN, comment="モジュール名", doc="Module that wrote the entry."
    )
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="ユーザーID",
        doc="Key of the person concerned.",
    )
    session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="SET NULL"),
        info=GIVEN,
        comment="セッションID",
        doc="Id of the session concerned.",
    )
    message: Mapped[str] = mapped_column(info=GIVEN, comment="ログメッセージ", doc="Text of the entry.")
    details: Mapped[dict[str, Any] | None] = mapped_column(
        Json, info=GIVEN, comment="詳細情報 (JSON)", doc="Details, with secrets masked."
    )
    request_id: Mapped[UUID | None] = mapped_column(
        info=GIVEN, comment="リクエストID (UUID)", doc="Id of the request that the entry belongs to."
    )
    ip_address: Mapped[str | None] = mapped_column(
        INET, info=GIVEN, comment="IPアドレス", doc="Address that the request came from."
    )
    user_agent: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="ユーザーエージェント", doc="Client that the request came from."
    )
    xid: Mapped[int] = transaction_id()
    created_at: Mapped[datetime] = created_at(primary_key=True, info=FIXED)

    user: Mapped[User | None] = to_one("system_logs")
    session: Mapped[Session | None] = to_one("system_logs")


class SystemSetting(Base):
    """One setting of the server, with its version and previous value."""

    __tablename__ = "system_settings"
    __table_args__ = (
        one_of("data_type", SettingDataType, "chk_data_type"),
        no_json_null(
            "setting_value", "chk_system_settings_setting_value", "The value of a setting is not null."
        ),
        Index("idx_system_settings_updated_by", "updated_by"),
        {"comment": "システム設定・環境変数管理"},
    )

    id: Mapped[SerialKey]
    setting_key: Mapped[str] = mapped_column(
        String(100),
        unique=True,
        info=FIXED | in_clear("the server and people find the row by it"),
        comment="設定キー",
        doc="Name of the setting.",
    )
    setting_value: Mapped[Any] = mapped_column(
        Json,
        nullable=False,
        info=GIVEN | in_clear("the server works by it, and administrators alone write it"),
        comment="設定値 (JSON)",
        doc="Value in force.",
    )
    data_type: Mapped[SettingDataType | None] = mapped_column(
        Choice(SettingDataType, 20),
        server_default="json",
        info=GIVEN,
        comment="データ型",
        doc="What the value has to be.",
    )
    category: Mapped[str | None] = mapped_column(
        String(50), server_default="general", info=GIVEN, comment="カテゴリ", doc="Category of the setting."
    )
    description: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="設定の説明", doc="What the setting does."
    )
    is_public: Mapped[bool | None] = mapped_column(
        server_default=FALSE, info=GIVEN, comment="公開フラグ", doc="Whether everybody may read the setting."
    )
    is_readonly: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=FIXED,
        comment="読み取り専用フラグ",
        doc="Whether the setting refuses changes.",
    )
    version: Mapped[int | None] = mapped_column(
        server_default=text("1"), info=BY_SERVER, comment="バージョン番号", doc="Raised by each change."
    )
    previous_value: Mapped[Any | None] = mapped_column(
        Json, info=BY_SERVER, comment="変更前の値 (JSON)", doc="Value before the last change."
    )
    updated_by_id: Mapped[int | None] = mapped_column(
        "updated_by",
        ForeignKey("users.id", ondelete="SET NULL"),
        info=BY_SERVER,
        comment="更新ユーザーID",
        doc="Key of the person who made the last change.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()

    updated_by: Mapped[User | None] = to_one("updated_settings")
