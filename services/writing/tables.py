"""What may be written in each table, derived from the models and from the exceptions listed here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import Column, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper

from models import Base
from models.names import camel, noun_of

# Set by the server, by triggers, or by a use case of their own; "table.column", or the column in every table.
_KEPT_BY_SERVER: Final = frozenset(
    {
        *("updated_at", "xid"),
        *("projects.archived_at", "projects.last_activity", "projects.collaborators"),
        *("projects.total_sessions", "projects.total_commits", "projects.total_worktrees"),
        *("sessions.last_accessed", "worktrees.last_accessed"),
        *("collaboration_sessions.access_token", "collaboration_sessions.current_participants"),
        "collaboration_sessions.total_joins",
        *("notification_history.status", "notification_history.retry_count", "notification_history.sent_at"),
        *("notification_history.response_code", "notification_history.response_body"),
        "notification_history.error_message",
        *("cc_instances.started_at", "cc_instances.last_heartbeat", "cc_instances.terminated_at"),
        "cc_instances.exit_code",
        *("tasks.actual_duration_minutes", "tasks.lease_expires_at", "tasks.queued_at"),
        *("tasks.started_at", "tasks.completed_at"),
        *("ultrathink_messages.keyword_detected", "ultrathink_messages.sent_at"),
        *("ultrathink_messages.acknowledged_at", "ultrathink_messages.execution_started_at"),
        "ultrathink_messages.completed_at",
        *("websocket_notifications.sent_at", "websocket_notifications.first_sent_at"),
        "websocket_notifications.delivery_status",
        *("websocket_notifications.retry_count", "websocket_notifications.client_ack"),
        *("system_settings.version", "system_settings.previous_value", "system_settings.updated_by"),
        "worktree_sync_history.executed_by",
    }
)

_FIXED_ONCE_WRITTEN: Final = frozenset(
    {
        # Rows of the terminal document stay with what they belong to; owners change by a use case.
        *("cc_instances.type", "cc_instances.parent_instance_id"),
        *("cc_instances.project_id", "tasks.project_id", "git_worktrees.project_id"),
        *("requirements.project_id", "features.project_id", "websocket_notifications.project_id"),
        *("task_dependencies.task_id", "task_dependencies.dependency_task_id"),
        *("projects.owner_id", "sessions.user_id", "worktrees.user_id", "notification_settings.user_id"),
        *("notification_history.user_id", "notification_history.session_id"),
        *("collaboration_sessions.host_user_id", "collaboration_sessions.session_id"),
        *("mcp_tool_calls.message_id", "mcp_tool_calls.cc_instance_id", "mcp_tool_calls.started_at"),
        *("ultrathink_messages.parent_instance_id", "ultrathink_messages.child_instance_id"),
        *("ultrathink_messages.task_id", "ultrathink_messages.instruction_content"),
        *("notification_settings.notification_type", "notification_settings.service_type"),
        *("system_settings.setting_key", "system_settings.is_readonly"),
    }
)

_ENCRYPTED: Final = frozenset(
    {"projects.environment_vars", "cc_instances.environment_vars", "notification_settings.webhook_secret"}
)
"""Hidden from reading, yet written: encrypted at rest (decision 27)."""

_SENSITIVE: Final = MappingProxyType(
    {"tasks.input_data": "input_secrets", "tasks.output_data": "output_secrets"}
)
"""The columns for the sensitive parts, sealed; the columns themselves get the rest (terminal §11.1)."""

_HASHED: Final = MappingProxyType({"cc_instances.claude_api_key_hash": "claudeApiKey"})
"""Keyed hashes, by the field in which a caller gives what is hashed (decision 27)."""

_OWNERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("sessions", "worktrees", "notification_settings", "notification_history"), "user_id"
        ),
        **{"projects": "owner_id", "collaboration_sessions": "host_user_id", "file_operations": "user_id"},
        **{"worktree_sync_history": "executed_by"},
    }
)
"""The column that is the caller unless an administrator says otherwise."""

_FILLED: Final = frozenset({"projects.workdir", "cc_instances.type"})
"""NOT NULL columns that a trigger or a rule fills."""

APPENDED: Final = frozenset(
    {"system_logs", "cc_logs", "task_logs", "file_operations", "worktree_sync_history"}
)
"""Append-only: no row is changed or deleted through the API (docs/mutations.md). So is mcp_messages,
which `services.mcp.recording` writes."""

_WRITTEN: Final = APPENDED | {
    *("projects", "sessions", "worktrees", "collaboration_sessions", "notification_settings"),
    *("notification_history", "system_settings", "mcp_tool_calls", "websocket_notifications"),
    *("cc_instances", "ultrathink_messages", "git_worktrees", "tasks", "task_dependencies"),
    *("requirements", "features"),
}
"""The others are written by use cases of their own (users, tokens, participants) or by the server alone."""

_BEGINNINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "cc_instances": {"status": "IDLE"},
        "ultrathink_messages": {"status": "sent"},
        "requirements": {"status": "draft"},
        "features": {"status": "planned"},
        "mcp_tool_calls": {"status": "pending"},
        "websocket_notifications": {"delivery_status": "sent"},
    }
)
"""Values of NOT NULL columns for which the documents name no default."""


@dataclass(frozen=True, slots=True, eq=False)
class WritableColumn:
    """A column that a caller may give. `name` is the database's, `field` the API's (camel case).

    Secrets in what is `masked` are replaced before it is stored: in all texts and JSON that are not declared
    `in_clear` in the model. `secrets` is the column that takes the sensitive parts of the value, which no
    caller gives.
    """

    column: "Column[object]"
    field: str
    required: bool
    on_create: bool
    on_update: bool
    encrypted: bool
    masked: bool
    hashed: bool = False
    secrets: str | None = None

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_secret(self) -> bool:
        """Whether nobody reads it, not even whoever sees the row."""
        return self.encrypted or self.hashed


@dataclass(frozen=True, slots=True, eq=False)
class WritableTable:
    """How a table is written.

    `key` names its rows; `client_key` is the UUID that a caller may choose, so that a repeated create is
    recognised. `beginnings` are values for columns that the caller cannot or need not give.
    """

    type_name: str
    table: Table
    noun: str
    key: "Column[object]"
    client_key: "Column[object] | None"
    owner: str | None
    beginnings: Mapping[str, str]
    columns: Mapping[str, WritableColumn]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def append_only(self) -> bool:
        return self.name in APPENDED

    @property
    def has_modification_time(self) -> bool:
        return "updated_at" in self.table.c


def _writable_table(mapper: Mapper[object], table: Table) -> WritableTable:
    key = next(iter(table.primary_key))
    client_key = key if isinstance(key.type, Uuid) else _unique_uuid(table)
    beginnings = _BEGINNINGS.get(table.name, {})
    columns = {}
    for attribute in mapper.column_attrs:
        column = table.c[attribute.columns[0].name]
        writable = _writable_column(table, column, camel(attribute.key), client_key, beginnings)
        if writable is not None:
            columns[column.name] = writable
    return WritableTable(
        type_name=mapper.class_.__name__,
        table=table,
        noun=noun_of(table.name),
        key=key,
        client_key=client_key,
        owner=_OWNERS.get(table.name),
        beginnings=beginnings,
        columns=MappingProxyType(columns),
    )


def _writable_column(
    table: Table,
    column: "Column[object]",
    field: str,
    client_key: "Column[object] | None",
    beginnings: Mapping[str, str],
) -> WritableColumn | None:
    place = f"{table.name}.{column.name}"
    is_secrets = column.name in _SENSITIVE.values()
    encrypted = place in _ENCRYPTED or is_secrets
    if column.name in _KEPT_BY_SERVER or place in _KEPT_BY_SERVER:
        return None
    hashed = place in _HASHED
    if column.info.get("hidden") and not encrypted and not hashed:
        return None
    is_key = column.primary_key or column is client_key
    if is_key and column is not client_key and column.name != "created_at":
        return None  # numbers that the database gives
    if column.name == "created_at" and table.name not in APPENDED:
        return None
    filled = column.nullable or column.server_default is not None or column.name in beginnings
    return WritableColumn(
        column=column,
        field=_HASHED.get(place, field),
        required=not filled and place not in _FILLED and _OWNERS.get(table.name) != column.name,
        on_create=not is_secrets,
        on_update=not is_secrets
        and table.name not in APPENDED
        and not is_key
        and place not in _FIXED_ONCE_WRITTEN,
        encrypted=encrypted,
        masked=isinstance(column.type, String | JSONB)
        and not encrypted
        and not hashed
        and not _is_clear(column),
        secrets=_SENSITIVE.get(place),
        hashed=hashed,
    )


def _is_clear(column: "Column[object]") -> bool:
    """Whether the column is declared to be stored as it is given."""
    return "in_clear" in column.info


def _unique_uuid(table: Table) -> "Column[object] | None":
    """The unique UUID of a table whose key is a number: sessions.session_id and its like."""
    return next((column for column in table.c if column.unique and isinstance(column.type, Uuid)), None)


TABLES: Final[Mapping[str, WritableTable]] = MappingProxyType(
    {
        table.name: _writable_table(mapper, table)
        # The registry has no order of its own, and the schema takes this one.
        for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__)
        if isinstance(table := mapper.local_table, Table) and table.name in _WRITTEN
    }
)
"""By table name."""
