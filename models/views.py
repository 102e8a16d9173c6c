"""The documents' views, read only (terminal §9, §11.2); their columns and names are the documents'.

A view with a project in it is read by those who may see the project; the others are for administrators.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Float, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, to_one, view
from models.enums import CcInstanceStatus, CcInstanceType, CcLogCategory, LogLevel, ProjectStatus
from models.instances import CcInstance
from models.projects import Project
from models.system_health import VIEWS as OF_HEALTH
from models.types import Choice


class McpMessageStat(Base):
    """MCP messages of one day and method."""

    __tablename__ = "mcp_message_stats"
    __table_args__ = view("MCP メッセージ統計ビュー")

    date: Mapped[date | None] = mapped_column(
        primary_key=True, nullable=True, comment="日付", doc="Day, in UTC."
    )
    method: Mapped[str | None] = mapped_column(
        primary_key=True, nullable=True, comment="MCPメソッド名", doc="MCP method."
    )
    message_count: Mapped[int | None] = mapped_column(
        BigInteger, comment="メッセージ数", doc="Number of messages."
    )
    avg_processing_time_ms: Mapped[Decimal | None] = mapped_column(
        Numeric,
        comment="平均処理時間（ミリ秒）",
        doc="Average time from request to response, in milliseconds.",
    )
    successful_calls: Mapped[int | None] = mapped_column(
        BigInteger, comment="成功数", doc="Number of messages without an error."
    )


class TaskExecutionEfficiency(Base):
    """How well the tasks of one project get done."""

    __tablename__ = "task_execution_efficiency"
    __table_args__ = view("タスク実行効率ビュー")

    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id"),
        primary_key=True,
        nullable=True,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    total_tasks: Mapped[int | None] = mapped_column(BigInteger, comment="タスク総数", doc="Number of tasks.")
    avg_duration: Mapped[Decimal | None] = mapped_column(
        Numeric, comment="平均実行時間（分）", doc="Average actual duration in minutes."
    )
    completed_tasks: Mapped[int | None] = mapped_column(
        BigInteger, comment="完了タスク数", doc="Number of completed tasks."
    )
    completion_rate: Mapped[float | None] = mapped_column(
        Float(53), comment="完了率（%）", doc="Completed tasks in percent."
    )

    project: Mapped[Project | None] = to_one(None, viewonly=True)


class ParallelExecutionStat(Base):
    """Tasks completed by instances side by side on one day."""

    __tablename__ = "parallel_execution_stats"
    __table_args__ = view("並列実行統計ビュー")

    date: Mapped[date | None] = mapped_column(
        primary_key=True, nullable=True, comment="日付", doc="Day, in UTC."
    )
    concurrent_instances: Mapped[int | None] = mapped_column(
        BigInteger, comment="並列インスタンス数", doc="Number of instances that took part."
    )
    total_tasks: Mapped[int | None] = mapped_column(
        BigInteger, comment="タスク総数", doc="Number of completed tasks."
    )
    avg_duration: Mapped[Decimal | None] = mapped_column(
        Numeric, comment="平均実行時間（分）", doc="Average actual duration in minutes."
    )
    min_duration: Mapped[int | None] = mapped_column(
        comment="最短実行時間（分）", doc="Shortest, in minutes."
    )
    max_duration: Mapped[int | None] = mapped_column(comment="最長実行時間（分）", doc="Longest, in minutes.")


class ActiveCcInstance(Base):
    """An instance that is idle or running, with its parent's name."""

    __tablename__ = "active_cc_instances"
    __table_args__ = view("アクティブCCインスタンス監視")

    id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id"),
        primary_key=True,
        nullable=True,
        comment="インスタンスID",
        doc="Key of the instance.",
    )
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id"), comment="プロジェクトID", doc="Id of the project."
    )
    type: Mapped[CcInstanceType | None] = mapped_column(
        Choice(CcInstanceType), comment="タイプ (PARENT/CHILD)", doc="Whether another instance started it."
    )
    status: Mapped[CcInstanceStatus | None] = mapped_column(
        Choice(CcInstanceStatus), comment="ステータス (IDLE/RUNNING)", doc="Where the instance stands."
    )
    created_at: Mapped[datetime | None] = mapped_column(
        comment="インスタンス作成時刻", doc="When the row was created."
    )
    last_heartbeat: Mapped[datetime | None] = mapped_column(
        comment="最終生存確認時刻", doc="When it last gave a sign of life."
    )
    cc_instance_name: Mapped[str | None] = mapped_column(
        comment="インスタンス名", doc="Name of the instance."
    )
    parent_instance_name: Mapped[str | None] = mapped_column(
        comment="親インスタンス名", doc="Name of the instance that started it."
    )

    cc_instance: Mapped[CcInstance | None] = to_one(None, viewonly=True)
    project: Mapped[Project | None] = to_one(None, viewonly=True)


class ErrorSummary(Base):
    """Errors in the instances' logs on one day, by category and level."""

    __tablename__ = "error_summary"
    __table_args__ = view("エラー統計")

    date: Mapped[date | None] = mapped_column(
        primary_key=True, nullable=True, comment="日付", doc="Day, in UTC."
    )
    category: Mapped[CcLogCategory | None] = mapped_column(
        Choice(CcLogCategory),
        primary_key=True,
        nullable=True,
        comment="カテゴリ",
        doc="Category of the entries.",
    )
    log_level: Mapped[LogLevel | None] = mapped_column(
        Choice(LogLevel),
        primary_key=True,
        nullable=True,
        comment="ログレベル",
        doc="Severity: error or fatal.",
    )
    error_count: Mapped[int | None] = mapped_column(BigInteger, comment="エラー数", doc="Number of entries.")


class ReadonlyProjectStat(Base):
    """A project with its number of tasks, for readers of statistics."""

    __tablename__ = "readonly_project_stats"
    __table_args__ = view("読み取り専用ユーザー用ビュー")

    id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id"),
        primary_key=True,
        nullable=True,
        comment="プロジェクトID (UUID)",
        doc="Id of the project, projectId of Project.",
    )
    name: Mapped[str | None] = mapped_column(comment="プロジェクト名", doc="Name of the project.")
    status: Mapped[ProjectStatus | None] = mapped_column(
        Choice(ProjectStatus), comment="ステータス", doc="Where the project stands."
    )
    created_at: Mapped[datetime | None] = mapped_column(comment="作成日時", doc="When the row was created.")
    task_count: Mapped[int | None] = mapped_column(BigInteger, comment="タスク数", doc="Number of its tasks.")

    project: Mapped[Project | None] = to_one(None, viewonly=True)


# DATE(created_at) of the document is the day in UTC, whatever the time zone of the connection.
VIEWS = {
    "mcp_message_stats": """
CREATE OR REPLACE VIEW mcp_message_stats AS
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS date,
    method,
    COUNT(*) AS message_count,
    AVG(processing_time_ms) AS avg_processing_time_ms,
    SUM(CASE WHEN error IS NULL THEN 1 ELSE 0 END) AS successful_calls
FROM mcp_messages
GROUP BY (created_at AT TIME ZONE 'UTC')::date, method
""",
    "task_execution_efficiency": """
CREATE OR REPLACE VIEW task_execution_efficiency AS
SELECT
    project_id,
    COUNT(*) AS total_tasks,
    AVG(actual_duration_minutes) AS avg_duration,
    SUM(CASE WHEN status = 'COMPLETED' THEN 1 ELSE 0 END) AS completed_tasks,
    CAST(SUM(CASE WHEN status = 'COMPLETED' THEN 1 ELSE 0 END) AS FLOAT) / COUNT(*) * 100 AS completion_rate
FROM tasks
GROUP BY project_id
""",
    "parallel_execution_stats": """
CREATE OR REPLACE VIEW parallel_execution_stats AS
SELECT
    (started_at AT TIME ZONE 'UTC')::date AS date,
    COUNT(DISTINCT assigned_to) AS concurrent_instances,
    COUNT(*) AS total_tasks,
    AVG(actual_duration_minutes) AS avg_duration,
    MIN(actual_duration_minutes) AS min_duration,
    MAX(actual_duration_minutes) AS max_duration
FROM tasks
WHERE status = 'COMPLETED' AND started_at IS NOT NULL
GROUP BY (started_at AT TIME ZONE 'UTC')::date
""",
    "active_cc_instances": """
CREATE OR REPLACE VIEW active_cc_instances AS
SELECT
    cc.id,
    cc.project_id,
    cc.type,
    cc.status,
    cc.created_at,
    cc.last_heartbeat,
    cc.name AS cc_instance_name,
    parent.name AS parent_instance_name
FROM cc_instances cc
LEFT JOIN cc_instances parent ON cc.parent_instance_id = parent.id
    AND cc.project_id IS NOT DISTINCT FROM parent.project_id
WHERE cc.status IN ('IDLE', 'RUNNING')
ORDER BY cc.last_heartbeat DESC
""",
    "error_summary": """
CREATE OR REPLACE VIEW error_summary AS
SELECT
    (created_at AT TIME ZONE 'UTC')::date AS date,
    category,
    log_level,
    COUNT(*) AS error_count
FROM cc_logs
WHERE log_level IN ('error', 'fatal')
GROUP BY (created_at AT TIME ZONE 'UTC')::date, category, log_level
ORDER BY date DESC, error_count DESC
""",
    "readonly_project_stats": """
CREATE OR REPLACE VIEW readonly_project_stats AS
SELECT
    project_id AS id,
    name,
    status,
    created_at,
    (SELECT COUNT(*) FROM tasks WHERE tasks.project_id = projects.project_id) AS task_count
FROM projects
""",
    **OF_HEALTH,
}
