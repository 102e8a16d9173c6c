"""The tables of both design documents, and the rules that decide who sees which row."""

from models.archives import McpMessageArchive, ProjectArchive, TaskArchive
from models.backups import BackupRun
from models.base import Base
from models.collaboration import CollaborationParticipant, CollaborationSession
from models.counters import api_call_counts, login_attempts
from models.feed import ChangeEvent, feed_state
from models.file_operations import FileOperation
from models.git_worktrees import GitWorktree
from models.ingest import ingest_counts, ingest_files, ingest_records, ingest_seen
from models.instances import CcInstance
from models.invitations import ProjectInvitation
from models.logs import CcLog, TaskLog
from models.mcp import McpMessage, McpToolCall
from models.named_paths import file_paths
from models.notifications import (
    NotificationHistoryEntry,
    NotificationSetting,
    notification_pace,
    notification_position,
)
from models.operation_counts import file_operation_counts
from models.permission_requests import CcPermissionRequest
from models.planning import Feature, Requirement
from models.projects import Project
from models.provenance import cc_provenance
from models.server_starts import feed_running, feed_starts
from models.sessions import Session
from models.system import SystemLog, SystemSetting
from models.system_health import MaintenanceRun, SystemHealth, SystemQueue, TablePartition, TableSize
from models.tasks import Task, TaskDependency
from models.ultrathink import UltrathinkMessage
from models.usage import CcUsage
from models.users import AuthToken, User
from models.views import (
    ActiveCcInstance,
    ErrorSummary,
    McpMessageStat,
    ParallelExecutionStat,
    ReadonlyProjectStat,
    TaskExecutionEfficiency,
)
from models.websocket import WebsocketNotification, WebsocketSession
from models.worktrees import Worktree, WorktreeSyncHistoryEntry

metadata = Base.metadata

__all__ = [
    "ActiveCcInstance",
    "AuthToken",
    "BackupRun",
    "Base",
    "CcInstance",
    "CcLog",
    "CcPermissionRequest",
    "CcUsage",
    "ChangeEvent",
    "CollaborationParticipant",
    "CollaborationSession",
    "ErrorSummary",
    "Feature",
    "FileOperation",
    "GitWorktree",
    "MaintenanceRun",
    "McpMessage",
    "McpMessageArchive",
    "McpMessageStat",
    "McpToolCall",
    "NotificationHistoryEntry",
    "NotificationSetting",
    "ParallelExecutionStat",
    "Project",
    "ProjectArchive",
    "ProjectInvitation",
    "ReadonlyProjectStat",
    "Requirement",
    "Session",
    "SystemHealth",
    "SystemLog",
    "SystemQueue",
    "SystemSetting",
    "TablePartition",
    "TableSize",
    "Task",
    "TaskArchive",
    "TaskDependency",
    "TaskExecutionEfficiency",
    "TaskLog",
    "UltrathinkMessage",
    "User",
    "WebsocketNotification",
    "WebsocketSession",
    "Worktree",
    "WorktreeSyncHistoryEntry",
    "api_call_counts",
    "cc_provenance",
    "feed_running",
    "feed_starts",
    "feed_state",
    "file_operation_counts",
    "file_paths",
    "ingest_counts",
    "ingest_files",
    "ingest_records",
    "ingest_seen",
    "login_attempts",
    "metadata",
    "notification_pace",
    "notification_position",
]
