"""Tables that are written by use cases of their own, or by the server alone."""

from typing import Final

from models import metadata
from services.writing.declaration import Archive, Kept, Lost, Moved, Unlinked, WrittenElsewhere
from services.writing.declarations.of_project import DIRECTLY


def _by(module: str, table: str, archive: Archive | None = None) -> WrittenElsewhere:
    return WrittenElsewhere(metadata.tables[table], module, archive)


USERS: Final = _by("services.accounts.accounts", "users")
AUTH_TOKENS: Final = _by("services.accounts.token_store", "auth_tokens")
LOGIN_ATTEMPTS: Final = _by("services.accounts.login_attempts", "login_attempts")
API_CALL_COUNTS: Final = _by("services.accounts.rate_limits", "api_call_counts")

PROJECT_INVITATIONS: Final = _by(
    "services.projects.invitations",
    "project_invitations",
    Lost("an invitation that was not answered before its project was moved has no meaning any more"),
)
COLLABORATION_PARTICIPANTS: Final = _by("services.sessions.collaboration", "collaboration_participants")
WEBSOCKET_SESSIONS: Final = _by("services.notifications.websocket_sessions", "websocket_sessions")
MCP_MESSAGES: Final = _by(
    "services.mcp.recording",
    "mcp_messages",
    Moved(("cc_instance_id",), {"project_id": "$1"}),
)

CC_USAGE: Final = _by(
    "services.usage.recording",
    "cc_usage",
    Unlinked(DIRECTLY, ("project_id", "cc_instance_id")),
)
CC_PERMISSION_REQUESTS: Final = _by(
    "services.instances.permission_requests",
    "cc_permission_requests",
    Kept(("cc_instance_id",)),
)

CC_PROVENANCE: Final = _by("services.fleet.provenance", "cc_provenance")

PROJECTS_ARCHIVE: Final = _by("services.projects.archiving", "projects_archive")
TASKS_ARCHIVE: Final = _by("services.projects.archiving", "tasks_archive")
MCP_MESSAGES_ARCHIVE: Final = _by("services.projects.archiving", "mcp_messages_archive")
PROJECT_ARCHIVE_ROWS: Final = _by("services.projects.archiving", "project_archive_rows")

BACKUP_RUNS: Final = _by("services.system.backup_runs", "backup_runs")
MAINTENANCE_RUNS: Final = _by("services.system.maintenance", "maintenance_runs")

CHANGE_EVENTS: Final = _by("models.feed", "change_events")
NOTIFICATION_PACE: Final = _by("services.delivery.queue", "notification_pace")
NOTIFICATION_POSITION: Final = _by("services.delivery.occurrences", "notification_position")
FEED_STATE: Final = _by("models.feed", "feed_state")
FEED_RUNNING: Final = _by("models.server_starts", "feed_running")
FEED_STARTS: Final = _by("models.server_starts", "feed_starts")
FILE_OPERATION_COUNTS: Final = _by("models.operation_counts", "file_operation_counts")
FILE_PATHS: Final = _by("models.named_paths", "file_paths")
INGEST_RECORDS: Final = _by("services.ingest.storing", "ingest_records")
INGEST_SEEN: Final = _by("services.ingest.storing", "ingest_seen")
INGEST_FILES: Final = _by("services.ingest.storing", "ingest_files")
INGEST_COUNTS: Final = _by("services.ingest.budgets", "ingest_counts")
