"""A tool call keeps the instance of its message where that is another one, whatever changes either."""

import asyncio

import asyncpg

from tests.integration.database.catalog import Connection
from tests.support.waiting import until_locked_out

WRONG = """
SELECT count(*) FROM mcp_tool_calls AS call LEFT JOIN mcp_messages AS message
    ON message.id = call.message_id AND message.cc_instance_id IS DISTINCT FROM call.cc_instance_id
WHERE call.message_instance_id IS DISTINCT FROM message.cc_instance_id
"""
KEPT = "SELECT count(*) FROM mcp_tool_calls WHERE message_instance_id IS NOT NULL"
MESSAGE = """
INSERT INTO mcp_messages (cc_instance_id, message_type, method) VALUES ($1, 'request', 'tools/call')
RETURNING id
"""
CALL = """
INSERT INTO mcp_tool_calls (message_id, cc_instance_id, tool_name, arguments, status)
VALUES ($1, $2, 'git_status', '{}', 'running') RETURNING id
"""


async def instances(connection: Connection) -> list[object]:
    rows = await connection.fetch(
        "INSERT INTO cc_instances (name, type, status) SELECT 'i' || n, 'PARENT', 'RUNNING'"
        " FROM generate_series(1, 3) AS n RETURNING id"
    )
    return [row["id"] for row in rows]


async def assert_kept(connection: Connection, others: int) -> None:
    assert await connection.fetchval(WRONG) == 0
    assert await connection.fetchval(KEPT) == others


async def test_calls_follow_their_messages(plain: Connection) -> None:
    one, two, three = await instances(plain)
    message = await plain.fetchval(MESSAGE, one)
    same = await plain.fetchval(CALL, message, one)
    other = await plain.fetchval(CALL, message, two)
    await plain.fetchval(CALL, message, None)
    await plain.fetchval(CALL, None, two)
    await plain.execute(
        "WITH message AS (INSERT INTO mcp_messages (cc_instance_id, message_type) VALUES ($1, 'request')"
        " RETURNING id) INSERT INTO mcp_tool_calls (message_id, cc_instance_id, tool_name, arguments, status,"
        " message_instance_id) SELECT id, $2, 'x', '{}', 'running', $2 FROM message",
        one,
        two,
    )
    await assert_kept(plain, 3)
    await plain.execute("UPDATE mcp_tool_calls SET message_instance_id = $1", two)
    await assert_kept(plain, 3)
    await plain.execute("UPDATE mcp_tool_calls SET cc_instance_id = $1 WHERE id = $2", one, other)
    await assert_kept(plain, 2)
    await plain.execute("UPDATE mcp_messages SET cc_instance_id = $1 WHERE id = $2", three, message)
    await assert_kept(plain, 4)
    await plain.execute("UPDATE mcp_tool_calls SET message_id = NULL WHERE id = $1", same)
    await assert_kept(plain, 3)
    await plain.execute("DELETE FROM cc_instances WHERE id = $1", three)
    await assert_kept(plain, 1)
    await plain.execute("DELETE FROM mcp_messages")
    await assert_kept(plain, 0)


async def test_a_message_that_moves_waits_for_the_call_that_is_written(
    plain: Connection, database_url: str
) -> None:
    one, two, _ = await instances(plain)
    message = await plain.fetchval(MESSAGE, one)
    other = await asyncpg.connect(database_url)
    try:
        writing = other.transaction()
        await writing.start()
        await other.fetchval(CALL, message, one)
        moving = asyncio.create_task(
            plain.execute("UPDATE mcp_messages SET cc_instance_id = $1 WHERE id = $2", two, message)
        )
        await until_locked_out(database_url)
        assert not moving.done()
        await writing.commit()
        await moving
        await assert_kept(plain, 1)
    finally:
        await other.close()
