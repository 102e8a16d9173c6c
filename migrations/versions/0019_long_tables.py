"""Indexes by which the newest rows and the statistics of long tables are found without reading all of them."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = {
    "idx_mcp_tool_calls_started": "mcp_tool_calls (started_at, id)",
    "idx_mcp_tool_calls_status_started": "mcp_tool_calls (status, started_at)",
    "idx_mcp_tool_calls_cc_tool": "mcp_tool_calls (cc_instance_id, tool_name) INCLUDE (execution_time_ms)",
    "idx_mcp_messages_day_method": "mcp_messages (((created_at AT TIME ZONE 'UTC')::date), method)",
    "idx_cc_logs_created_at": "cc_logs (created_at, id)",
    "idx_cc_logs_errors": ("cc_logs (created_at, category, log_level) WHERE log_level IN ('error', 'fatal')"),
    "idx_task_logs_created_at": "task_logs (created_at, id)",
    "idx_ultrathink_status_sent": "ultrathink_messages (status, sent_at)",
}


def upgrade() -> None:
    """Make the indexes."""
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {columns}")


def downgrade() -> None:
    """Drop them."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
