"""Instructions from a parent instance to a child (terminal §4.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import BY_SERVER, FALSE, FIXED, GIVEN, Base, begins_as, time_default_now, to_one, uuid_key
from models.enums import UltrathinkInstructionType, UltrathinkStatus
from models.types import Choice, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.tasks import Task


class UltrathinkMessage(Base):
    """An instruction under the ultrathink protocol and how far it came."""

    __tablename__ = "ultrathink_messages"
    __table_args__ = (
        one_of("instruction_type", UltrathinkInstructionType, "chk_ultrathink_messages_instruction_type"),
        one_of("status", UltrathinkStatus, "chk_ultrathink_messages_status"),
        Index("idx_ultrathink_parent_child", "parent_instance_id", "child_instance_id"),
        Index("idx_ultrathink_task_status", "task_id", "status"),
        Index("idx_ultrathink_sent_ack", "sent_at", "acknowledged_at"),
        Index("idx_ultrathink_child", "child_instance_id"),
        Index(
            # With what decides who may see a message: a total of open ones then reads no row.
            "idx_ultrathink_sent_status",
            "sent_at",
            "status",
            postgresql_include=["parent_instance_id", "child_instance_id", "task_id"],
        ),
        {"comment": "親CCから子CCへの確実な指示伝達ログ"},
    )

    id: Mapped[UUID] = uuid_key("メッセージID (UUID)")
    parent_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=FIXED,
        comment="親CCインスタンスID",
        doc="Key of the instance that gives the instruction.",
    )
    child_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=FIXED,
        comment="子CCインスタンスID",
        doc="Key of the instance that gets the instruction.",
    )
    task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="SET NULL"),
        info=FIXED,
        comment="対象タスクID",
        doc="Key of the task that the instruction is about.",
    )
    protocol_version: Mapped[str] = mapped_column(
        server_default="1.0",
        info=GIVEN,
        comment="ultrathinkプロトコルバージョン",
        doc="Version of the protocol.",
    )
    instruction_type: Mapped[UltrathinkInstructionType] = mapped_column(
        Choice(UltrathinkInstructionType),
        info=GIVEN,
        comment="指示タイプ (task_assignment/progress_request/termination)",
        doc="What is asked of the child.",
    )
    instruction_content: Mapped[str] = mapped_column(
        info=FIXED, comment="指示内容（完全なultrathinkメッセージ）", doc="The instruction in full."
    )
    keyword_detected: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=BY_SERVER,
        comment="ultrathinkキーワード検出フラグ",
        doc="Whether the server found the keyword ultrathink in the instruction.",
    )
    sent_at: Mapped[datetime] = time_default_now("送信時刻", "When it was sent.", info=BY_SERVER)
    acknowledged_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="子CCからの受信確認時刻", doc="When the child acknowledged it."
    )
    response_content: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="子CCからの応答内容", doc="What the child answered."
    )
    execution_started_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="実行開始確認時刻", doc="When the child began to carry it out."
    )
    completed_at: Mapped[datetime | None] = mapped_column(
        # Each step stamps its time (decision 26); the document has no column for the last one.
        info=BY_SERVER,
        comment="完了時刻",
        doc="When the child completed it or failed.",
    )
    status: Mapped[UltrathinkStatus] = mapped_column(
        Choice(UltrathinkStatus),
        info=GIVEN | begins_as("sent"),
        comment="状況 (sent/acknowledged/executing/completed/failed)",
        doc="How far the instruction came.",
    )

    parent_instance: Mapped[CcInstance | None] = to_one(
        "sent_ultrathink_messages", foreign_keys=parent_instance_id
    )
    child_instance: Mapped[CcInstance | None] = to_one(
        "received_ultrathink_messages", foreign_keys=child_instance_id
    )
    task: Mapped[Task | None] = to_one("ultrathink_messages")
