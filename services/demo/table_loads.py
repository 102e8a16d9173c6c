"""Every demo table with its columns and its stream of rows, in an order that foreign keys accept."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from services.demo.instances import (
    GitWorktreeRow,
    InstanceRow,
    UltrathinkRow,
    Wave,
    git_worktrees,
    ultrathink_messages,
    waves,
)
from services.demo.logs import (
    LOGS_PER_INSTANCE,
    LOGS_PER_TASK,
    CcLogRow,
    FileOperationRow,
    SystemLogRow,
    TaskLogRow,
    cc_logs,
    file_operations,
    system_logs,
    task_logs,
)
from services.demo.mcp import (
    CALLS_PER_INSTANCE,
    MESSAGES_PER_INSTANCE,
    McpMessageRow,
    McpToolCallRow,
    mcp_messages,
    mcp_tool_calls,
)
from services.demo.notifications import (
    NotificationRow,
    WebsocketNotificationRow,
    WebsocketSessionRow,
    notification_history,
    websocket_notifications,
    websocket_sessions,
)
from services.demo.people import (
    AuthTokenRow,
    NotificationSettingRow,
    UserRow,
    auth_tokens,
    notification_settings,
    people,
)
from services.demo.projects import ProjectRow, projects
from services.demo.row_counts import Figures
from services.demo.tasks import DependencyRow, FeatureRow, RequirementRow, TaskRow, features, requirements
from services.demo.usage import (
    REQUESTS_PER_INSTANCE,
    CcPermissionRequestRow,
    CcUsageRow,
    cc_permission_requests,
    cc_usage,
    with_activity,
)
from services.demo.workspaces import (
    CollaborationSessionRow,
    ParticipantRow,
    SessionRow,
    SyncRow,
    WorktreeRow,
    sessions,
    shares,
    syncs,
    worktrees,
)

Row = tuple[Any, ...]


class Shipment(NamedTuple):
    """The rows for one table. `expected` is their number, nearly or exactly, for progress."""

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]
    expected: int


def shipments(figures: Figures, seed: int, until: datetime, hashed_password: str) -> Iterator[Shipment]:
    """Draw up the whole demo.

    People, projects, sessions and tasks are held in memory (about 40 MB at scale 1); everything that grows
    with use is drawn row by row while it is sent.
    """
    persons = people(figures.users, seed, until, hashed_password)
    owned = projects(persons, figures, seed, until)
    trees = worktrees(owned, figures, seed, until)
    synced = syncs(trees, owned, seed)
    sat = sessions(owned, trees, persons, figures, seed, until)
    shared, participants = shares(sat, persons, seed, until)
    connections = websocket_sessions(persons, figures, seed, until)
    sockets: dict[int, list[UUID]] = {}
    for connection in connections:
        sockets.setdefault(connection.user_id, []).append(connection.id)
    work = waves(owned, sockets, seed, until)

    yield _held("users", UserRow, [person.row for person in persons])
    yield _held("auth_tokens", AuthTokenRow, list(auth_tokens(persons, seed, until)))
    yield _held("notification_settings", NotificationSettingRow, list(notification_settings(persons)))
    yield _held("projects", ProjectRow, [project.row() for project in owned])
    yield _held("worktrees", WorktreeRow, trees)
    yield _held("worktree_sync_history", SyncRow, synced)
    yield _held("sessions", SessionRow, [session.row for session in sat])
    yield _held("collaboration_sessions", CollaborationSessionRow, shared)
    yield _held("collaboration_participants", ParticipantRow, participants)
    yield _held("websocket_sessions", WebsocketSessionRow, connections)
    yield _held("requirements", RequirementRow, list(requirements(owned, seed, until)))
    yield _held("features", FeatureRow, list(features(owned, seed, until)))
    yield from _work(work, sockets, seed, until)
    history = notification_history(persons, sat, figures, seed, until)
    yield Shipment("notification_history", NotificationRow._fields, history, figures.notification_history)
    logged = system_logs(persons, sat, figures, seed, until)
    yield Shipment("system_logs", SystemLogRow._fields, logged, figures.system_logs)
    operations = file_operations(sat, figures, seed, until)
    yield Shipment("file_operations", FileOperationRow._fields, operations, figures.file_operations)


def _work(work: list[Wave], sockets: dict[int, list[UUID]], seed: int, until: datetime) -> Iterator[Shipment]:
    asked = list(cc_permission_requests(work, seed, until))
    instances = with_activity(work, asked, seed, until)
    tasks = [task for wave in work for task in (wave.parent, *wave.steps)]
    yield _held("cc_instances", InstanceRow, instances)
    yield _held("tasks", TaskRow, tasks)
    yield _held("task_dependencies", DependencyRow, [row for wave in work for row in wave.dependencies])
    isolated = [row for wave in work for row in git_worktrees(wave, seed, until)]
    yield _held("git_worktrees", GitWorktreeRow, isolated)
    told = [row for wave in work for row in ultrathink_messages(wave, seed)]
    yield _held("ultrathink_messages", UltrathinkRow, told)
    pushed = list(websocket_notifications(work, sockets, seed))
    yield _held("websocket_notifications", WebsocketNotificationRow, pushed)
    count = len(instances)
    messages = mcp_messages(work, seed, until)
    yield Shipment("mcp_messages", McpMessageRow._fields, messages, count * MESSAGES_PER_INSTANCE)
    calls = mcp_tool_calls(work, seed, until)
    yield Shipment("mcp_tool_calls", McpToolCallRow._fields, calls, count * CALLS_PER_INSTANCE)
    used = cc_usage(work, seed, until)
    yield Shipment("cc_usage", CcUsageRow._fields, used, count * REQUESTS_PER_INSTANCE)
    yield _held("cc_permission_requests", CcPermissionRequestRow, asked)
    yield Shipment("cc_logs", CcLogRow._fields, cc_logs(work, seed, until), count * LOGS_PER_INSTANCE)
    begun = sum(task.started_at is not None for task in tasks)
    yield Shipment("task_logs", TaskLogRow._fields, task_logs(work, seed, until), begun * LOGS_PER_TASK)


R = TypeVar("R", bound=Row)


def _held(table: str, row: type[R], rows: list[R]) -> Shipment:
    """The shipment of a table whose rows are all there."""
    columns: tuple[str, ...] = row._fields  # type: ignore[attr-defined]  # every row is a NamedTuple
    return Shipment(table, columns, rows, len(rows))
