"""The tree of Claude Code instances (terminal §4.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FILLED,
    FIXED,
    GIVEN,
    SEALED_VARIABLES,
    Base,
    begins_as,
    created_at,
    fingerprint_of,
    to_many,
    to_one,
    uuid_key,
)
from models.enums import CcActivity, CcInstanceStatus, CcInstanceType
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.git_worktrees import GitWorktree
    from models.logs import CcLog, TaskLog
    from models.mcp import McpMessage, McpToolCall
    from models.permission_requests import CcPermissionRequest
    from models.projects import Project
    from models.sessions import Session
    from models.tasks import Task
    from models.ultrathink import UltrathinkMessage
    from models.usage import CcUsage
    from models.websocket import WebsocketSession


class CcInstance(Base):
    """A Claude Code process at work, in a tree of parents and children."""

    __tablename__ = "cc_instances"
    __table_args__ = (
        one_of("type", CcInstanceType, "chk_cc_instances_type"),
        one_of("status", CcInstanceStatus, "chk_cc_instances_status"),
        CheckConstraint(
            "parent_instance_id <> id",
            name="chk_cc_instances_parent",
            info=broken("parent_instance_id", "An instance is not its own parent."),
        ),
        one_of("activity", CcActivity, "chk_cc_instances_activity"),
        CheckConstraint(
            "activity <> 'GONE' OR status = 'STOPPED'",
            name="chk_cc_instances_gone",
            info=broken("activity", "An instance that is gone has stopped."),
        ),
        CheckConstraint(
            "context_used_percent BETWEEN 0 AND 100",
            name="chk_cc_instances_context_used_percent",
            info=broken("context_used_percent", "The part of the context is 0 to 100 percent."),
        ),
        Index("idx_cc_instances_project_type", "project_id", "type"),
        # The instances that a person may see, whose logs and messages are seen through them.
        Index("idx_cc_instances_project_keys", "project_id", postgresql_include=["id"]),
        # Those of a person that run, whose lists and totals begin from the projects (decision 191).
        Index(
            "idx_cc_instances_running",
            "project_id",
            postgresql_where=text(f"status = '{CcInstanceStatus.RUNNING.value}'"),
        ),
        Index("idx_cc_instances_parent_status", "parent_instance_id", "status"),
        Index("idx_cc_instances_heartbeat", "last_heartbeat"),
        Index("idx_cc_instances_socket", "socket_id"),
        Index(
            "idx_cc_instances_activity",
            "activity",
            "activity_since",
            postgresql_where=text("activity IS NOT NULL"),
        ),
        {"comment": "親子Claude Code階層の完全管理"},
    )

    id: Mapped[UUID] = uuid_key("インスタンスID (UUID)")
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    name: Mapped[str] = mapped_column(info=GIVEN, comment="インスタンス名", doc="Name of the instance.")
    type: Mapped[CcInstanceType] = mapped_column(
        Choice(CcInstanceType),
        info=FIXED | FILLED,
        comment="タイプ (PARENT/CHILD)",
        doc="Whether another instance started it.",
    )
    status: Mapped[CcInstanceStatus] = mapped_column(
        Choice(CcInstanceStatus),
        info=GIVEN | begins_as("IDLE"),
        comment="ステータス (IDLE/RUNNING/STOPPED/ERROR)",
        doc="Where the instance stands.",
    )
    parent_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="CASCADE"),
        info=FIXED,
        comment="親CCインスタンスID",
        doc="Key of the instance that started this one.",
    )
    worktree_path: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="Git Worktreeパス", doc="Path of the git worktree that the instance works in."
    )
    process_id: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="システムプロセスID", doc="Id of the operating system's process."
    )
    socket_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("websocket_sessions.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="WebSocketセッションID",
        doc="Key of the instance's live connection.",
    )
    claude_api_key_hash: Mapped[str | None] = mapped_column(
        info=fingerprint_of("claude_api_key"),
        comment="APIキーハッシュ（セキュリティ用）",
        doc="Keyed hash of the API key.",
    )
    startup_command: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="起動コマンド", doc="Command that starts the instance."
    )
    environment_vars: Mapped[dict[str, Any] | None] = mapped_column(
        Json, info=SEALED_VARIABLES, comment="環境変数 (JSON)", doc="Environment variables, encrypted."
    )
    resource_limits: Mapped[dict[str, Any] | None] = mapped_column(
        Json, info=GIVEN, comment="リソース制限 (JSON: memory, cpu)", doc="Limits on memory and CPU."
    )
    created_at: Mapped[datetime] = created_at("インスタンス作成時刻")
    started_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="実行開始時刻", doc="When it started to run."
    )
    last_heartbeat: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="最終生存確認時刻", doc="When it last gave a sign of life."
    )
    terminated_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="終了時刻", doc="When it ended."
    )
    exit_code: Mapped[int | None] = mapped_column(
        info=BY_SERVER, comment="終了コード", doc="Exit code of its process."
    )
    activity: Mapped[CcActivity | None] = mapped_column(
        Choice(CcActivity),
        info=BY_SERVER,
        comment=("現在の活動 (WORKING/WAITING_PERMISSION/WAITING_ANSWER/IDLE/BACKGROUND/RETRYING/GONE)"),
        doc="What it does now; null where no source tells.",
    )
    activity_since: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="現在の活動の開始時刻", doc="Since when it does that."
    )
    activity_detail: Mapped[str | None] = mapped_column(
        info=BY_SERVER,
        comment="現在の活動の詳細",
        doc="For what it waits, or with what it works, with secrets masked.",
    )
    model: Mapped[str | None] = mapped_column(
        String(200), info=BY_SERVER, comment="モデル名", doc="Name of the model that it uses."
    )
    last_message: Mapped[str | None] = mapped_column(
        info=BY_SERVER, comment="最後のメッセージ", doc="What it said last, with secrets masked."
    )
    context_used_percent: Mapped[int | None] = mapped_column(
        info=BY_SERVER,
        comment="コンテキスト使用率 (%)",
        doc="How much of the model's context is used, in percent.",
    )

    project: Mapped[Project | None] = to_one("cc_instances")
    # Both have the key that Claude Code gave the session (decision 177), so no column points to it.
    session: Mapped[Session | None] = to_one(
        None,
        primaryjoin="foreign(CcInstance.id) == Session.session_id",
        viewonly=True,
        doc="The session that the instance is the first of; null for one that another instance started.",
    )
    parent: Mapped[CcInstance | None] = to_one("children", remote_side="CcInstance.id")
    children: Mapped[list[CcInstance]] = to_many("parent")
    socket: Mapped[WebsocketSession | None] = to_one("cc_instances")
    mcp_messages: Mapped[list[McpMessage]] = to_many("cc_instance")
    mcp_tool_calls: Mapped[list[McpToolCall]] = to_many("cc_instance")
    sent_ultrathink_messages: Mapped[list[UltrathinkMessage]] = to_many(
        "parent_instance", foreign_keys="UltrathinkMessage.parent_instance_id"
    )
    received_ultrathink_messages: Mapped[list[UltrathinkMessage]] = to_many(
        "child_instance", foreign_keys="UltrathinkMessage.child_instance_id"
    )
    git_worktrees: Mapped[list[GitWorktree]] = to_many("cc_instance")
    assigned_tasks: Mapped[list[Task]] = to_many("assigned_to")
    cc_logs: Mapped[list[CcLog]] = to_many("cc_instance")
    task_logs: Mapped[list[TaskLog]] = to_many("cc_instance")
    usage: Mapped[list[CcUsage]] = to_many("cc_instance")
    permission_requests: Mapped[list[CcPermissionRequest]] = to_many("cc_instance")
