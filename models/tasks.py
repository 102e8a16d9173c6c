"""Tasks and what they depend on (terminal §5.2, §5.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FIXED,
    GIVEN,
    SEALED_PARTS,
    TRUE,
    Base,
    created_at,
    divided,
    to_many,
    to_one,
    updated_at,
    uuid_key,
)
from models.enums import TaskDependencyType, TaskStatus, TaskType
from models.readiness import IS_WAITING
from models.search import SEARCHES
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.git_worktrees import GitWorktree
    from models.instances import CcInstance
    from models.logs import CcLog, TaskLog
    from models.projects import Project
    from models.ultrathink import UltrathinkMessage


class Task(Base):
    """A piece of work for one Claude Code instance."""

    __tablename__ = "tasks"
    __table_args__ = (
        one_of("status", TaskStatus, "chk_tasks_status"),
        one_of("task_type", TaskType, "chk_tasks_task_type"),
        CheckConstraint(
            "priority BETWEEN 1 AND 10",
            name="chk_tasks_priority",
            info=broken("priority", "A task's priority goes from 1 to 10."),
        ),
        CheckConstraint(
            "parent_task_id <> id",
            name="chk_tasks_parent",
            info=broken("parent_task_id", "A task is not its own parent."),
        ),
        Index("idx_tasks_project_status_priority", "project_id", "status", "priority"),
        # The tasks that a person may see, whose logs are seen through them.
        Index("idx_tasks_project_keys", "project_id", postgresql_include=["id"]),
        # All that totals by status and priority and groups by status and time read.
        Index(
            "idx_tasks_status_priority_created",
            "status",
            "priority",
            "created_at",
            postgresql_include=["actual_duration_minutes"],
        ),
        Index("idx_tasks_assigned_status", "assigned_to", "status"),
        Index("idx_tasks_mcp_enabled", "mcp_enabled", "ultrathink_protocol"),
        Index("idx_tasks_duration", "estimated_duration_minutes", "actual_duration_minutes"),
        Index("idx_tasks_parent", "parent_task_id"),
        # A caller who asks for the next task reads one entry of it (decision 24).
        Index(
            "idx_tasks_claim",
            "project_id",
            text("priority DESC"),
            "created_at",
            "id",
            postgresql_where=text(f"status {IS_WAITING}"),
        ),
        Index("idx_tasks_lease", "lease_expires_at", postgresql_where=text("lease_expires_at IS NOT NULL")),
        # The first ones that an instance holds, however many these are (decision 190). Without the second
        # condition it would serve all who ask for running tasks, and seem short until the next ANALYZE.
        Index(
            "idx_tasks_held",
            "assigned_to",
            "started_at",
            postgresql_where=text(f"status = '{TaskStatus.RUNNING.value}' AND assigned_to IS NOT NULL"),
        ),
        Index(
            "idx_tasks_search",
            text(SEARCHES["tasks"].vector()),
            postgresql_using="gin",
        ),
        {"comment": "MCP並列実行対応タスク管理"},
    )

    id: Mapped[UUID] = uuid_key("タスクID (UUID)")
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    parent_task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="親タスクID",
        doc="Key of the task it is a part of.",
    )
    name: Mapped[str] = mapped_column(info=GIVEN, comment="タスク名", doc="Name of the task.")
    description: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="タスク説明", doc="What is to be done."
    )
    status: Mapped[TaskStatus] = mapped_column(
        Choice(TaskStatus),
        server_default="PENDING",
        info=GIVEN,
        comment="ステータス (PENDING/QUEUED/RUNNING/COMPLETED/FAILED)",
        doc="Where the task stands.",
    )
    priority: Mapped[int] = mapped_column(
        server_default=text("5"),
        info=GIVEN,
        comment="優先度（1-10）",
        doc="Priority from 1 to 10; 10 goes first.",
    )
    task_type: Mapped[TaskType] = mapped_column(
        Choice(TaskType),
        info=GIVEN,
        comment="タスクタイプ (development/design/testing/documentation)",
        doc="What kind of work it is.",
    )
    assigned_to_id: Mapped[UUID | None] = mapped_column(
        "assigned_to",
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="割り当てCCインスタンスID",
        doc="Key of the instance that the task is assigned to.",
    )
    mcp_enabled: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=GIVEN, comment="MCP対応フラグ", doc="Whether the task may use MCP."
    )
    ultrathink_protocol: Mapped[bool | None] = mapped_column(
        server_default=TRUE,
        info=GIVEN,
        comment="ultrathinkプロトコル使用フラグ",
        doc="Whether the task is handed over by the ultrathink protocol.",
    )
    instruction: Mapped[str | None] = mapped_column(
        info=GIVEN,
        comment="詳細なタスク指示（ultrathinkメッセージ用）",
        doc="Detailed instruction for the ultrathink message.",
    )
    input_data: Mapped[Any | None] = mapped_column(
        Json,
        info=divided("input_secrets"),
        comment="入力データ (JSON)",
        doc="Input; its sensitive parts are encrypted and shown as [masked] (revealTaskData).",
    )
    input_secrets: Mapped[str | None] = mapped_column(
        info=SEALED_PARTS,
        comment="入力データの機密部分（暗号化）",
        doc="Sensitive parts of the input, encrypted.",
    )
    output_data: Mapped[Any | None] = mapped_column(
        Json,
        info=divided("output_secrets"),
        comment="出力データ (JSON)",
        doc="Output; its sensitive parts are encrypted and shown as [masked] (revealTaskData).",
    )
    output_secrets: Mapped[str | None] = mapped_column(
        info=SEALED_PARTS,
        comment="出力データの機密部分（暗号化）",
        doc="Sensitive parts of the output, encrypted.",
    )
    worktree_path: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="実行Worktreeパス", doc="Path of the worktree that it is carried out in."
    )
    estimated_duration_minutes: Mapped[int | None] = mapped_column(
        info=GIVEN, comment="予想実行時間（分）", doc="How long it should take, in minutes."
    )
    actual_duration_minutes: Mapped[int | None] = mapped_column(
        info=BY_SERVER, comment="実際の実行時間（分）", doc="How long it took, in minutes."
    )
    lease_expires_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER,
        comment="割り当て期限",
        doc="When a claimed task goes back to the queue unless its holder renews the claim.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    queued_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="キューイング日時", doc="When it was queued."
    )
    started_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="開始日時", doc="When work began."
    )
    completed_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="完了日時", doc="When work ended."
    )

    project: Mapped[Project | None] = to_one("tasks")
    parent: Mapped[Task | None] = to_one("subtasks", remote_side="Task.id")
    subtasks: Mapped[list[Task]] = to_many("parent")
    assigned_to: Mapped[CcInstance | None] = to_one("assigned_tasks")
    dependencies: Mapped[list[TaskDependency]] = to_many("task", foreign_keys="TaskDependency.task_id")
    dependents: Mapped[list[TaskDependency]] = to_many(
        "dependency_task", foreign_keys="TaskDependency.dependency_task_id"
    )
    ultrathink_messages: Mapped[list[UltrathinkMessage]] = to_many("task")
    git_worktrees: Mapped[list[GitWorktree]] = to_many("task")
    cc_logs: Mapped[list[CcLog]] = to_many("task")
    task_logs: Mapped[list[TaskLog]] = to_many("task")


class TaskDependency(Base):
    """One task's dependence on another."""

    __tablename__ = "task_dependencies"
    __table_args__ = (
        one_of("dependency_type", TaskDependencyType, "chk_task_dependencies_dependency_type"),
        CheckConstraint(
            "task_id <> dependency_task_id",
            name="chk_task_dependencies_self",
            info=broken("dependency_task_id", "A task does not depend on itself."),
        ),
        UniqueConstraint(
            "task_id",
            "dependency_task_id",
            "dependency_type",
            name="uk_task_dependencies_task_dependency_type",
        ),
        Index("idx_task_dependencies_task", "task_id"),
        Index("idx_task_dependencies_dependency", "dependency_task_id"),
        {"comment": "並列実行のための依存関係管理"},
    )

    id: Mapped[UUID] = uuid_key("依存関係ID (UUID)")
    task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"),
        info=FIXED,
        comment="タスクID",
        doc="Key of the task that depends.",
    )
    dependency_task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"),
        info=FIXED,
        comment="依存先タスクID",
        doc="Key of the task depended on.",
    )
    dependency_type: Mapped[TaskDependencyType] = mapped_column(
        Choice(TaskDependencyType),
        info=GIVEN,
        comment="依存タイプ (blocks/requires/suggests)",
        doc="How strong it is.",
    )
    created_at: Mapped[datetime] = created_at()

    task: Mapped[Task | None] = to_one("dependencies", foreign_keys=task_id)
    dependency_task: Mapped[Task | None] = to_one("dependents", foreign_keys=dependency_task_id)
