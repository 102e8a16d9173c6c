"""The closed lists of both documents: member names as the API spells them, values as the database does."""

from enum import StrEnum


class TokenType(StrEnum):
    """What an authentication token is good for."""

    ACCESS = "access"
    REFRESH = "refresh"


class SessionStatus(StrEnum):
    """Where a Claude session stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    ERROR = "error"
    STARTING = "starting"
    STOPPING = "stopping"


class ShareMode(StrEnum):
    """What the participants of a shared session may do."""

    READ_ONLY = "read_only"
    EDIT = "edit"
    FULL_CONTROL = "full_control"


class ParticipantState(StrEnum):
    """Where somebody stands with a shared session."""

    REQUESTED = "requested"
    JOINED = "joined"
    LEFT = "left"
    REFUSED = "refused"


class ProjectType(StrEnum):
    """What a project builds."""

    WEB = "web"
    API = "api"
    CLI = "cli"
    MOBILE = "mobile"
    DATA = "data"
    GENERAL = "general"


class CollaboratorRole(StrEnum):
    """What a collaborator may do with what belongs to a project."""

    VIEWER = "viewer"
    EDITOR = "editor"


class ProjectStatus(StrEnum):
    """Where a project stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class WorktreeStatus(StrEnum):
    """Whether a person's worktree is in use."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"


class WorktreeSyncStatus(StrEnum):
    """How a person's worktree compares with its branch."""

    CLEAN = "clean"
    DIRTY = "dirty"
    CONFLICTED = "conflicted"
    SYNCING = "syncing"


class SyncType(StrEnum):
    """How changes went from one worktree to another."""

    MERGE = "merge"
    CHERRY_PICK = "cherry-pick"
    REBASE = "rebase"
    PULL = "pull"
    PUSH = "push"


class SyncDirection(StrEnum):
    """Which way changes went."""

    PUSH = "push"
    PULL = "pull"
    BIDIRECTIONAL = "bidirectional"


class SyncResult(StrEnum):
    """How a sync ended."""

    SUCCESS = "success"
    FAILED = "failed"
    PARTIAL = "partial"
    CANCELLED = "cancelled"


class NotificationType(StrEnum):
    """What a person is told about."""

    CLAUDE_REQUEST = "claude_request"
    TASK_COMPLETED = "task_completed"
    ERROR_OCCURRED = "error_occurred"
    COLLABORATION_INVITE = "collaboration_invite"


class NotificationService(StrEnum):
    """Which channel carries a notification."""

    WEB_PUSH = "web_push"
    WEBHOOK = "webhook"
    LINE = "line"
    SLACK = "slack"
    DISCORD = "discord"


class NotificationStatus(StrEnum):
    """Where the delivery of a notification stands."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NotificationPriority(StrEnum):
    """How urgent a notification is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class FileOperationType(StrEnum):
    """What was done to a file."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    RENAME = "rename"
    MOVE = "move"
    COPY = "copy"


class SystemLogLevel(StrEnum):
    """Severity of a system log entry."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class SettingDataType(StrEnum):
    """What the value of a setting has to be."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    ARRAY = "array"


class McpMessageType(StrEnum):
    """The three kinds of JSON-RPC 2.0 message; an error is a response."""

    REQUEST = "request"
    RESPONSE = "response"
    NOTIFICATION = "notification"


class McpDirection(StrEnum):
    """Which side of an MCP connection sent a message."""

    CLIENT = "client"
    SERVER = "server"


class McpToolCallStatus(StrEnum):
    """Where a tool call stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class WebsocketTransport(StrEnum):
    """How a client is connected for live events."""

    WEBSOCKET = "websocket"
    SSE = "sse"


class WebsocketEventType(StrEnum):
    """What a WebSocket notification reports."""

    PROGRESS = "progress"
    ERROR = "error"
    MILESTONE = "milestone"
    COMPLETION = "completion"


class DeliveryStatus(StrEnum):
    """How far a WebSocket notification came."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class CcInstanceType(StrEnum):
    """Whether a Claude Code instance was started by another one."""

    PARENT = "PARENT"
    CHILD = "CHILD"


class CcInstanceStatus(StrEnum):
    """Where a Claude Code instance stands."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    ERROR = "ERROR"


class UltrathinkInstructionType(StrEnum):
    """What a parent instance asks of a child."""

    TASK_ASSIGNMENT = "task_assignment"
    PROGRESS_REQUEST = "progress_request"
    TERMINATION = "termination"


class UltrathinkStatus(StrEnum):
    """How far an instruction came with the child."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class TaskType(StrEnum):
    """What kind of work a task is."""

    DEVELOPMENT = "development"
    DESIGN = "design"
    TESTING = "testing"
    DOCUMENTATION = "documentation"


class TaskDependencyType(StrEnum):
    """How strongly a task depends on another."""

    BLOCKS = "blocks"
    REQUIRES = "requires"
    SUGGESTS = "suggests"


class LogLevel(StrEnum):
    """Severity of an entry in an instance's or a task's log."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


class CcLogCategory(StrEnum):
    """What part of an instance wrote a log entry."""

    SYSTEM = "system"
    TASK = "task"
    MCP = "mcp"
    ULTRATHINK = "ultrathink"
    GIT = "git"


class TaskLogPhase(StrEnum):
    """In which phase of a task a log entry was written."""

    SETUP = "setup"
    EXECUTION = "execution"
    CLEANUP = "cleanup"
    ERROR = "error"


class RequirementType(StrEnum):
    """What kind of requirement it is."""

    FUNCTIONAL = "functional"
    NON_FUNCTIONAL = "non_functional"
    MCP_SPECIFIC = "mcp_specific"


class RequirementStatus(StrEnum):
    """Where a requirement stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    IMPLEMENTED = "implemented"
    TESTED = "tested"


class FeatureType(StrEnum):
    """What part of the product a feature belongs to."""

    MCP = "mcp"
    ULTRATHINK = "ultrathink"
    UI = "ui"
    API = "api"
    DATABASE = "database"


class FeatureStatus(StrEnum):
    """Where a feature stands."""

    PLANNED = "planned"
    DEVELOPMENT = "development"
    TESTING = "testing"
    COMPLETED = "completed"


class ChangeOperation(StrEnum):
    """What happened to a row."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
