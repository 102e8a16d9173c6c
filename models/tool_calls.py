"""Keeps with each tool call the instance of its message, where that is not the instance of the call itself.

Who may see the message may see the call. Almost always both are of one instance, so that asking for each
call's message says nothing new and takes most of the time; the few others stand in an index of their own.
"""

# Messages stay as they are until it is committed who sees their calls.
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

FUNCTIONS = (OF_CALLS, OF_A_CALL, OF_A_MESSAGE)

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
