"""Logs of instances and tasks (terminal §6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import FIXED, GIVEN, Base, created_at, to_one, transaction_id, uuid_key
from models.enums import CcLogCategory, LogLevel, TaskLogPhase
from models.search import SEARCHES
from models.types import Choice, Json, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.tasks import Task


class CcLog(Base):
    """One entry of an instance's log."""

    __tablename__ = "cc_logs"
    __table_args__ = (
        one_of("log_level", LogLevel, "chk_cc_logs_log_level"),
        one_of("category", CcLogCategory, "chk_cc_logs_category"),
        Index("idx_cc_logs_cc_created", "cc_instance_id", "created_at"),
        Index("idx_cc_logs_task_created", "task_id", "created_at"),
        Index("idx_cc_logs_message_search", text(SEARCHES["cc_logs"].vector()), postgresql_using="gin"),
        Index("idx_cc_logs_xid", "xid"),
        # With the level, so that a walk to the newest errors does not fetch the other entries.
        Index("idx_cc_logs_created_at", "created_at", "id", "log_level"),
        Index(
            # All that the view error_summary reads.
            "idx_cc_logs_errors",
            "created_at",
            "category",
            "log_level",
            postgresql_where=text("log_level IN ('error', 'fatal')"),
        ),
        {"comment": "CC実行ログの詳細管理", "postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[UUID] = uuid_key("ログID (UUID)")
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="CCインスタンスID",
        doc="Key of the instance.",
    )
    task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="SET NULL"), info=GIVEN, comment="タスクID", doc="Key of the task."
    )
    log_level: Mapped[LogLevel] = mapped_column(
        Choice(LogLevel),
        info=GIVEN,
        comment="ログレベル (debug/info/warn/error/fatal)",
        doc="Severity of the entry.",
    )
    category: Mapped[CcLogCategory] = mapped_column(
        Choice(CcLogCategory),
        info=GIVEN,
        comment="カテゴリ (system/task/mcp/ultrathink/git)",
        doc="What part of the instance wrote the entry.",
    )
    message: Mapped[str] = mapped_column(info=GIVEN, comment="ログメッセージ", doc="Text of the entry.")
    details: Mapped[Any | None] = mapped_column(
        Json, info=GIVEN, comment="詳細情報 (JSON)", doc="Details, with secrets masked."
    )
    trace_id: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="トレースID（分散トレーシング用）", doc="Trace id of distributed tracing."
    )
    span_id: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="スパンID", doc="Span id of distributed tracing."
    )
    xid: Mapped[int] = transaction_id()
    created_at: Mapped[datetime] = created_at("ログ出力時刻", primary_key=True, info=FIXED)

    cc_instance: Mapped[CcInstance | None] = to_one("cc_logs")
    task: Mapped[Task | None] = to_one("cc_logs")


class TaskLog(Base):
    """One entry of a task's log."""

    __tablename__ = "task_logs"
    __table_args__ = (
        one_of("log_level", LogLevel, "chk_task_logs_log_level"),
        one_of("phase", TaskLogPhase, "chk_task_logs_phase"),
        Index("idx_task_logs_task_level_created", "task_id", "log_level", "created_at"),
        Index("idx_task_logs_cc_phase", "cc_instance_id", "phase"),
        Index("idx_task_logs_xid", "xid"),
        Index("idx_task_logs_created_at", "created_at", "id"),
        {"comment": "タスク実行の詳細ログ", "postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[UUID] = uuid_key("ログID (UUID)")
    task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="SET NULL"), info=GIVEN, comment="タスクID", doc="Key of the task."
    )
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="CCインスタンスID",
        doc="Key of the instance.",
    )
    log_level: Mapped[LogLevel] = mapped_column(
        Choice(LogLevel), info=GIVEN, comment="ログレベル", doc="Severity of the entry."
    )
    phase: Mapped[TaskLogPhase] = mapped_column(
        Choice(TaskLogPhase),
        info=GIVEN,
        comment="実行フェーズ (setup/execution/cleanup/error)",
        doc="In which phase of the task the entry was written.",
    )
    message: Mapped[str] = mapped_column(info=GIVEN, comment="ログメッセージ", doc="Text of the entry.")
    performance_metrics: Mapped[Any | None] = mapped_column(
        Json, info=GIVEN, comment="パフォーマンスメトリクス (JSON)", doc="Figures measured meanwhile."
    )
    xid: Mapped[int] = transaction_id()
    created_at: Mapped[datetime] = created_at(primary_key=True, info=FIXED)

    task: Mapped[Task | None] = to_one("task_logs")
    cc_instance: Mapped[CcInstance | None] = to_one("task_logs")
