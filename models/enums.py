"""The closed lists of both documents: member names as the API spells them, values as the database does."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class Described(StrEnum):
    """A closed list of texts, each with what it means."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """A member of this value. What finds a member by its value reads like a call without description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


def listed(members: Iterable[StrEnum]) -> str:
    """The values as SQL puts them behind IN: `'blocks', 'requires'`."""
    return ", ".join(f"'{member.value}'" for member in members)


class TokenType(Described):
    """What an authentication token is good for."""

    ACCESS = "access", "Lets its bearer use the API."
    REFRESH = "refresh", "Is exchanged, once, for a new pair of tokens."
    INGEST = "ingest", "Lets its bearer hand in what Claude Code tells, and nothing else."


class SessionStatus(Described):
    """Where a Claude session stands."""

    RUNNING = "running", "Claude is at work or can be."
    STOPPED = "stopped", "Nothing runs; it can be started again."
    ERROR = "error", "It failed; it can be started again."
    STARTING = "starting", "It is on its way to running."
    STOPPING = "stopping", "It is on its way to stopped."


class ShareMode(Described):
    """What the participants of a shared session may do."""

    READ_ONLY = "read_only", "Watch only."
    EDIT = "edit", "Write as well."
    FULL_CONTROL = "full_control", "Write, start and stop the session as well."


class ParticipantState(Described):
    """Where a person stands with a shared session."""

    REQUESTED = "requested", "Asked to join and waits for the host."
    JOINED = "joined", "Takes part."
    LEFT = "left", "Took part or asked to, and no longer does."
    REFUSED = "refused", "Was refused by the host."


class ProjectType(Described):
    """What a project builds."""

    WEB = "web", "A website or web application."
    API = "api", "A service with an interface for programs."
    CLI = "cli", "A program for the command line."
    MOBILE = "mobile", "An application for phones and tablets."
    DATA = "data", "Data, their processing or analysis."
    GENERAL = "general", "Anything else."


class CollaboratorRole(Described):
    """What a collaborator may do with what belongs to a project."""

    VIEWER = "viewer", "Sees what belongs to the project."
    EDITOR = "editor", "Sees and changes what belongs to the project."


class InvitationRole(Described):
    """What a person who is asked to join a project is to be."""

    VIEWER = "viewer", "Sees what belongs to the project."
    EDITOR = "editor", "Sees and changes what belongs to the project."
    OWNER = "owner", "Takes the project over."


class InvitationState(Described):
    """What became of an invitation to a project."""

    PENDING = "pending", "Waits for the person's answer."
    ACCEPTED = "accepted", "The person has accepted."
    DECLINED = "declined", "The person has declined."
    WITHDRAWN = "withdrawn", "Was taken back."


class ProjectStatus(Described):
    """Where a project stands."""

    ACTIVE = "active", "Work goes on."
    PAUSED = "paused", "Work rests for a while."
    COMPLETED = "completed", "Work is done."
    ARCHIVED = "archived", "Put away until it is restored."


class WorktreeStatus(Described):
    """Whether a person's worktree is in use."""

    ACTIVE = "active", "In use."
    INACTIVE = "inactive", "Not in use."
    ERROR = "error", "Something is wrong with it."


class WorktreeSyncStatus(Described):
    """How a person's worktree compares with its branch."""

    CLEAN = "clean", "Nothing differs."
    DIRTY = "dirty", "There are changes that are not yet synced."
    CONFLICTED = "conflicted", "There are conflicts to be resolved."
    SYNCING = "syncing", "A sync is under way."


class SyncType(Described):
    """How changes went from one worktree to another."""

    MERGE = "merge", "Branches were merged."
    CHERRY_PICK = "cherry-pick", "Single commits were taken over."
    REBASE = "rebase", "Commits were put on another base."
    PULL = "pull", "Changes were fetched and taken in."
    PUSH = "push", "Changes were sent."


class SyncDirection(Described):
    """Which way changes went."""

    PUSH = "push", "The source sent them."
    PULL = "pull", "The target fetched them."
    BIDIRECTIONAL = "bidirectional", "Each side took over what the other had."


class SyncResult(Described):
    """How a sync ended."""

    SUCCESS = "success", "Everything was taken over."
    FAILED = "failed", "Nothing was taken over."
    PARTIAL = "partial", "A part was taken over."
    CANCELLED = "cancelled", "It was broken off."


class NotificationType(Described):
    """What a person is told about."""

    CLAUDE_REQUEST = "claude_request", "Claude asks for something."
    TASK_COMPLETED = "task_completed", "A task is done."
    ERROR_OCCURRED = "error_occurred", "Something went wrong."
    COLLABORATION_INVITE = "collaboration_invite", "An invitation to a shared session."


class NotificationService(Described):
    """Which channel carries a notification."""

    WEB_PUSH = "web_push", "A push message of the browser."
    WEBHOOK = "webhook", "An HTTP request to a URL of one's own."
    LINE = "line", "A message on LINE."
    SLACK = "slack", "A message on Slack."
    DISCORD = "discord", "A message on Discord."


class NotificationStatus(Described):
    """Where the delivery of a notification stands."""

    PENDING = "pending", "Waits to be sent."
    SENT = "sent", "The service has taken it."
    FAILED = "failed", "Given up: the service did not take it."
    CANCELLED = "cancelled", "Called off before it was sent."


class NotificationPriority(Described):
    """How urgent a notification is."""

    LOW = "low", "Can wait."
    NORMAL = "normal", "Of ordinary urgency."
    HIGH = "high", "Should be read soon."
    URGENT = "urgent", "Should be read at once."


class FileOperationType(Described):
    """What was done to a file."""

    CREATE = "create", "A new file was made."
    READ = "read", "The file was read."
    UPDATE = "update", "The content was changed."
    DELETE = "delete", "The file was removed."
    RENAME = "rename", "The file was given another name."
    MOVE = "move", "The file was put in another place."
    COPY = "copy", "A copy was made."


class SystemLogLevel(Described):
    """Severity of a system log entry."""

    DEBUG = "DEBUG", "For the search for a fault."
    INFO = "INFO", "In the course of things."
    WARN = "WARN", "Unexpected, though nothing has failed."
    ERROR = "ERROR", "Something failed."
    CRITICAL = "CRITICAL", "The service itself is in danger."


class SettingDataType(Described):
    """What the value of a setting has to be."""

    STRING = "string", "A text."
    NUMBER = "number", "A number."
    BOOLEAN = "boolean", "True or false."
    JSON = "json", "Any JSON value."
    ARRAY = "array", "A JSON list."


class McpMessageType(Described):
    """The three kinds of JSON-RPC 2.0 message; an error is a response."""

    REQUEST = "request", "Calls a method and expects a response."
    RESPONSE = "response", "Answers a request with a result or an error."
    NOTIFICATION = "notification", "Expects no response."


class McpDirection(Described):
    """Which side of an MCP connection sent a message."""

    CLIENT = "client", "The client, which uses the tools."
    SERVER = "server", "The server, which offers the tools."


class McpToolCallStatus(Described):
    """Where a tool call stands."""

    PENDING = "pending", "Not begun."
    RUNNING = "running", "Under way."
    COMPLETED = "completed", "Ended with a result."
    FAILED = "failed", "Ended with an error."


class WebsocketTransport(Described):
    """How a client is connected for live events."""

    WEBSOCKET = "websocket", "A WebSocket."
    SSE = "sse", "Server-sent events over HTTP."


class WebsocketEventType(Described):
    """What a WebSocket notification reports."""

    PROGRESS = "progress", "How far something has come."
    ERROR = "error", "That something failed."
    MILESTONE = "milestone", "That an important step is reached."
    COMPLETION = "completion", "That something is done."


class DeliveryStatus(Described):
    """How far a WebSocket notification came."""

    SENT = "sent", "On its way; no client has confirmed it."
    DELIVERED = "delivered", "A client has confirmed it."
    FAILED = "failed", "No client has confirmed it in time."


class CcInstanceType(Described):
    """Whether a Claude Code instance was started by another one."""

    PARENT = "PARENT", "Was not started by another instance."
    CHILD = "CHILD", "Was started by another instance of its project."


class CcActivity(Described):
    """What a Claude Code does now, beside its status."""

    WORKING = "WORKING", "It is at its turn."
    WAITING_PERMISSION = "WAITING_PERMISSION", "It asks whether it may use a tool."
    WAITING_ANSWER = "WAITING_ANSWER", "It asks a person a question, or shows a dialog."
    IDLE = "IDLE", "Its turn is over; it is a person's turn."
    BACKGROUND = "BACKGROUND", "Its turn is over; work that it began still runs."
    RETRYING = "RETRYING", "The model's API is overloaded or limits it, and it tries again."
    GONE = "GONE", "Its process is gone."


class CcInstanceStatus(Described):
    """Where a Claude Code instance stands."""

    IDLE = "IDLE", "Alive, without work."
    RUNNING = "RUNNING", "Alive and at work."
    STOPPED = "STOPPED", "Ended for good."
    ERROR = "ERROR", "Failed or fell silent; it may be heard again."


class UltrathinkInstructionType(Described):
    """What a parent instance asks of a child."""

    TASK_ASSIGNMENT = "task_assignment", "Carry out a task."
    PROGRESS_REQUEST = "progress_request", "Say how far the work has come."
    TERMINATION = "termination", "Come to an end."


class UltrathinkStatus(Described):
    """How far an instruction came with the child."""

    SENT = "sent", "The child has not confirmed it."
    ACKNOWLEDGED = "acknowledged", "The child has received it."
    EXECUTING = "executing", "The child carries it out."
    COMPLETED = "completed", "The child has carried it out."
    FAILED = "failed", "It was not carried out."


class TaskStatus(Described):
    """Where a task stands."""

    PENDING = "PENDING", "New, not yet queued."
    QUEUED = "QUEUED", "Queued to be claimed."
    RUNNING = "RUNNING", "An instance works on it."
    COMPLETED = "COMPLETED", "Done."
    FAILED = "FAILED", "Ended without success; it can be queued again."


class TaskType(Described):
    """What kind of work a task is."""

    DEVELOPMENT = "development", "Write or change code."
    DESIGN = "design", "Work out how something is to be built."
    TESTING = "testing", "Try whether something works."
    DOCUMENTATION = "documentation", "Write down how something works."


class TaskDependencyType(Described):
    """How strongly a task depends on another."""

    BLOCKS = "blocks", "The other task has to be completed first."
    REQUIRES = "requires", "The result of the other task is needed, so it has to be completed first."
    SUGGESTS = "suggests", "The other task had better come first; nothing waits for it."

    @property
    def holds_back(self) -> bool:
        """True if the task waits until the other one has completed."""
        return self is not TaskDependencyType.SUGGESTS


class LogLevel(Described):
    """Severity of an entry in an instance's or a task's log."""

    DEBUG = "debug", "For the search for a fault."
    INFO = "info", "In the course of things."
    WARN = "warn", "Unexpected, though nothing has failed."
    ERROR = "error", "Something failed."
    FATAL = "fatal", "It could not go on."


class CcLogCategory(Described):
    """What part of an instance wrote a log entry."""

    SYSTEM = "system", "The instance itself."
    TASK = "task", "Its work on a task."
    MCP = "mcp", "Its exchange over MCP."
    ULTRATHINK = "ultrathink", "Its exchange of instructions."
    GIT = "git", "Its work with git."


class TaskLogPhase(Described):
    """In which phase of a task a log entry was written."""

    SETUP = "setup", "Making ready."
    EXECUTION = "execution", "At work."
    CLEANUP = "cleanup", "Tidying up."
    ERROR = "error", "Dealing with a failure."


class RequirementType(Described):
    """What kind of requirement it is."""

    FUNCTIONAL = "functional", "What the product does."
    NON_FUNCTIONAL = "non_functional", "How well the product does it."
    MCP_SPECIFIC = "mcp_specific", "How the product uses MCP."


class RequirementStatus(Described):
    """Where a requirement stands."""

    DRAFT = "draft", "Being written."
    APPROVED = "approved", "Agreed on."
    IMPLEMENTED = "implemented", "Built."
    TESTED = "tested", "Built and shown to work."


class FeatureType(Described):
    """What part of the product a feature belongs to."""

    MCP = "mcp", "Tools and messages of MCP."
    ULTRATHINK = "ultrathink", "Instructions between instances."
    UI = "ui", "What people see and touch."
    API = "api", "What programs call."
    DATABASE = "database", "What is stored, and how."


class FeatureStatus(Described):
    """Where a feature stands."""

    PLANNED = "planned", "To be built."
    DEVELOPMENT = "development", "Being built."
    TESTING = "testing", "Being tried."
    COMPLETED = "completed", "Done."


class ChangeOperation(Described):
    """What happened to a row."""

    INSERT = "INSERT", "The row is new."
    UPDATE = "UPDATE", "The row was changed."
    DELETE = "DELETE", "The row is gone."


class BackupKind(Described):
    """What kind of backup it is."""

    DUMP = "dump", "The rows of the database, for a new database of this or a newer version."
    BASE = "base", "The files of the server, on which archived changes are played back to a point in time."


class BackupStatus(Described):
    """How a backup ended."""

    COMPLETED = "completed", "It is whole."
    FAILED = "failed", "There is none; `error` says why."


class UsageAsker(Described):
    """Which part of Claude Code made a request to a model."""

    MAIN = "main", "The conversation with a person."
    SUBAGENT = "subagent", "An agent that another one started."
    AUXILIARY = "auxiliary", "Claude Code itself, such as for a title or a summary."


class PermissionDecision(Described):
    """How a request for a permission ended."""

    ALLOW = "allow", "The tool may be used."
    DENY = "deny", "The tool may not be used."
    LAPSED = "lapsed", "Nothing was decided: the instance went on, or ended, without an answer."


class PermissionAnswer(Described):
    """What a person answers to a request for a permission."""

    ALLOW = "allow", "The tool may be used."
    DENY = "deny", "The tool may not be used."


class MaintenanceOrigin(Described):
    """What began a run of maintenance."""

    SCHEDULE = "schedule", "A server, by its schedule."
    COMMAND = "command", "A person, by `ccgraph maintenance`."


class MaintenanceStatus(Described):
    """How a run of maintenance stands, or how it ended."""

    RUNNING = "running", "It is at work."
    COMPLETED = "completed", "Every step was done."
    FAILED = "failed", "Some steps failed, and the others were done; `steps` tells which and why."
    INTERRUPTED = "interrupted", "Its process died before its end; a later run has gone on."


class IngestSource(Described):
    """By which way something that Claude Code told came in."""

    HOOK = "hook", "A hook of Claude Code."
    TRANSCRIPT = "transcript", "Lines of a transcript, or what stands beside one."
    LOGS = "logs", "Log records of OpenTelemetry."
    METRICS = "metrics", "Metrics of OpenTelemetry."
    TRACES = "traces", "Spans of OpenTelemetry."
    PROCESSES = "processes", "Which processes live, as told by `ccgraph watch`."
