"""Indexes by which the newest rows and the statistics of long tables are found without reading all of them."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INDEXES = {
    "idx_mcp_tool_calls_started": "mcp_tool_calls (started_at, id)",
    "idx_mcp_tool_calls_status_started": (
        "mcp_tool_calls (status, started_at) INCLUDE (cc_instance_id, message_instance_id)"
    ),
    "idx_mcp_tool_calls_cc_tool": "mcp_tool_calls (cc_instance_id, tool_name) INCLUDE (execution_time_ms)",
    "idx_mcp_messages_cc_method": "mcp_messages (cc_instance_id, method)",
    "idx_mcp_messages_day_method": "mcp_messages (((created_at AT TIME ZONE 'UTC')::date), method)",
    "idx_cc_logs_created_at": "cc_logs (created_at, id, log_level)",
    "idx_cc_logs_errors": ("cc_logs (created_at, category, log_level) WHERE log_level IN ('error', 'fatal')"),
    "idx_task_logs_created_at": "task_logs (created_at, id)",
    "idx_mcp_tool_calls_message_instance": (
        "mcp_tool_calls (message_instance_id) WHERE message_instance_id IS NOT NULL"
    ),
    "idx_ultrathink_sent_status": "ultrathink_messages (sent_at, status)",
}


OF_CALLS = """
CREATE OR REPLACE FUNCTION ccgraph_tool_calls_message() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM mcp_messages WHERE id IN (SELECT message_id FROM new_rows) ORDER BY id FOR SHARE;
    IF EXISTS (
        SELECT FROM new_rows AS call LEFT JOIN mcp_messages AS message
            ON message.id = call.message_id AND message.cc_instance_id IS DISTINCT FROM call.cc_instance_id
        WHERE call.message_instance_id IS DISTINCT FROM message.cc_instance_id
    ) THEN
        UPDATE mcp_tool_calls AS kept SET message_instance_id = message.cc_instance_id
        FROM new_rows AS call LEFT JOIN mcp_messages AS message
            ON message.id = call.message_id AND message.cc_instance_id IS DISTINCT FROM call.cc_instance_id
        WHERE kept.id = call.id AND call.message_instance_id IS DISTINCT FROM message.cc_instance_id;
    END IF;
    RETURN NULL;
END
$$
"""

OF_A_CALL = """
CREATE OR REPLACE FUNCTION ccgraph_tool_call_message() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM mcp_messages WHERE id = NEW.message_id FOR SHARE;
    NEW.message_instance_id = (
        SELECT cc_instance_id FROM mcp_messages
        WHERE id = NEW.message_id AND cc_instance_id IS DISTINCT FROM NEW.cc_instance_id);
    RETURN NEW;
END
$$
"""

OF_A_MESSAGE = """
CREATE OR REPLACE FUNCTION ccgraph_message_tool_calls() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mcp_tool_calls SET message_instance_id =
        CASE WHEN NEW.cc_instance_id IS DISTINCT FROM cc_instance_id THEN NEW.cc_instance_id END
    WHERE message_id = NEW.id;
    RETURN NULL;
END
$$
"""

TRIGGERS = (
    "CREATE TRIGGER tr_mcp_tool_calls_message AFTER INSERT ON mcp_tool_calls "
    "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_tool_calls_message()",
    "CREATE TRIGGER tr_mcp_tool_calls_message_update "
    "BEFORE UPDATE OF message_id, cc_instance_id, message_instance_id ON mcp_tool_calls FOR EACH ROW "
    "EXECUTE FUNCTION ccgraph_tool_call_message()",
    "CREATE TRIGGER tr_mcp_messages_tool_calls AFTER UPDATE OF cc_instance_id ON mcp_messages FOR EACH ROW "
    "WHEN (OLD.cc_instance_id IS DISTINCT FROM NEW.cc_instance_id) "
    "EXECUTE FUNCTION ccgraph_message_tool_calls()",
)

COMMENT = "メッセージのCCインスタンスID (呼び出し元と異なる場合のみ)"

FILL = """
UPDATE mcp_tool_calls SET message_instance_id = message.cc_instance_id
FROM mcp_messages AS message
WHERE message.id = message_id AND message.cc_instance_id IS DISTINCT FROM mcp_tool_calls.cc_instance_id
"""


def upgrade() -> None:
    """Make the indexes, and keep with tool calls whose their messages are."""
    op.execute("LOCK TABLE mcp_messages, mcp_tool_calls IN SHARE ROW EXCLUSIVE MODE")
    op.execute("ALTER TABLE mcp_tool_calls ADD message_instance_id uuid")
    op.execute(f"COMMENT ON COLUMN mcp_tool_calls.message_instance_id IS '{COMMENT}'")
    op.execute(FILL)
    for statement in (OF_CALLS, OF_A_CALL, OF_A_MESSAGE, *TRIGGERS):
        op.execute(statement)
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {columns}")


def downgrade() -> None:
    """Drop them, and the instances of messages."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.execute("DROP TRIGGER tr_mcp_messages_tool_calls ON mcp_messages")
    op.execute("DROP TRIGGER tr_mcp_tool_calls_message_update ON mcp_tool_calls")
    op.execute("DROP TRIGGER tr_mcp_tool_calls_message ON mcp_tool_calls")
    op.execute("ALTER TABLE mcp_tool_calls DROP message_instance_id")
    for name in ("tool_calls_message", "tool_call_message", "message_tool_calls"):
        op.execute(f"DROP FUNCTION ccgraph_{name}()")
