"""Keeps the tool calls among MCP messages, one row for a call, also where its session tells of it, too.

What was asked and how it ended a session knows best; when, and of which server, the messages. So of a call
that digestion has told of (`cc_provenance`, decision 164) these statements set only what the session leaves.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import Final
from uuid import UUID

from models.enums import McpMessageType
from services.core.database import WriteConnection, driver
from services.mcp import rounds
from services.mcp.messages import CANCELLED
from services.mcp.pairing import Entry, pair
from services.mcp.rounds import continued
from services.mcp.rows import Row, answer, rows_around
from services.mcp.tool_uses import call_key

# Two recordings for one instance take turns: each pairs what the other has stored. So does digestion.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('mcp_messages ' || $1::text, 0))"

_RECORDED: Final = """
SELECT message_id FROM mcp_tool_calls WHERE id = ANY($1::uuid[]) AND message_id IS NOT NULL
"""

# A column that a session has told of is named in `stated`. Times are kept with their value beside it.
_TOLD_END: Final = """
COALESCE(timestamptz 'epoch' + (stated #>> '{completed_at,1}')::bigint * interval '1 microsecond',
         CASE WHEN stated ? 'completed_at' THEN known.completed_at END)
"""
_TOLD_TIME: Final = f"""
COALESCE(CASE WHEN stated #>> '{{execution_time_ms,1}}' IS NOT NULL
              THEN LEAST((stated #>> '{{execution_time_ms,1}}')::numeric, 2147483647)::integer END,
         CASE WHEN stated ? 'execution_time_ms' THEN known.execution_time_ms END,
         CASE WHEN {_TOLD_END} IS NOT NULL AND NOT COALESCE(known.error_details ? 'denied', false)
              THEN LEAST(GREATEST(round(extract(epoch FROM {_TOLD_END} - called.started_at) * 1000), 0),
                         2147483647)::integer END)
"""

# Where the process of an instance is known to have ended, its open calls have failed: an answer says more.
_IS_INTERRUPTED: Final = "called.status = 'running' AND COALESCE(known.error_details ? 'interrupted', false)"

_SYNC: Final = f"""
WITH called AS (
    SELECT given.id, request.id AS message_id, request.cc_instance_id, request.server_name,
        request.params ->> 'name' AS tool_name,
        COALESCE(NULLIF(request.params -> 'arguments', 'null'), '{{}}') AS arguments,
        CASE WHEN response.id IS NULL AND cancel.id IS NOT NULL THEN 'failed'
             WHEN response.id IS NULL THEN 'running'
             WHEN response.error IS NOT NULL OR response.result -> 'isError' = 'true' THEN 'failed'
             ELSE 'completed' END AS status,
        request.created_at AS started_at, response.created_at AS answered_at,
        cancel.created_at AS cancelled_at,
        COALESCE(given.elapsed, response.processing_time_ms) AS execution_time_ms,
        response.result,
        CASE WHEN response.id IS NULL AND cancel.id IS NOT NULL
             THEN jsonb_build_object('message', 'Cancelled', 'reason', cancel.params -> 'reason')
             WHEN response.result -> 'isError' = 'true'
             THEN jsonb_build_object('message', (SELECT string_agg(part ->> 'text', E'\\n')
                                                 FROM jsonb_path_query(response.result, '$.content[*]') part))
             ELSE response.error END AS error_details
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::integer[])
        AS given (id, request_id, response_id, cancel_id, elapsed)
    JOIN mcp_messages request ON request.id = given.request_id
    LEFT JOIN mcp_messages response ON response.id = given.response_id
    LEFT JOIN mcp_messages cancel ON cancel.id = given.cancel_id
    WHERE jsonb_typeof(request.params -> 'name') = 'string'
), joined AS (
    SELECT called.id, called.message_id, called.started_at,
        COALESCE(called.server_name, known.server_name) AS server_name,
        CASE WHEN stated ? 'tool_name' THEN known.tool_name ELSE called.tool_name END AS tool_name,
        CASE WHEN stated ? 'arguments' THEN known.arguments ELSE called.arguments END AS arguments,
        CASE WHEN stated ? 'status' OR {_IS_INTERRUPTED} THEN known.status ELSE called.status END AS status,
        COALESCE(called.answered_at, {_TOLD_END}, called.cancelled_at) AS completed_at,
        COALESCE(called.execution_time_ms, {_TOLD_TIME}) AS execution_time_ms,
        CASE WHEN stated ? 'result' THEN known.result ELSE called.result END AS result,
        CASE WHEN stated ? 'status' THEN CASE WHEN stated ? 'error_details' THEN known.error_details END
             WHEN {_IS_INTERRUPTED} THEN known.error_details
             ELSE called.error_details END AS error_details
    FROM called
    JOIN mcp_tool_calls known ON known.id = called.id
    LEFT JOIN mcp_messages before ON before.id = known.message_id
    LEFT JOIN cc_provenance provenance ON provenance.session_id = called.cc_instance_id
        AND provenance.kind = 'tool' AND provenance.id = called.id
    CROSS JOIN LATERAL (SELECT COALESCE(provenance.told, '{{}}')) AS of_session (stated)
    -- A request that was sent again is the call; the row of another session's call is not touched.
    WHERE (before.id IS NULL OR before.id = ANY($6::uuid[])
           OR (before.created_at, before.id) <= (called.started_at, called.message_id))
      AND (provenance.id IS NOT NULL OR known.cc_instance_id = called.cc_instance_id)
), changed AS (
    UPDATE mcp_tool_calls AS known
    SET message_id = joined.message_id, server_name = joined.server_name, tool_name = joined.tool_name,
        arguments = joined.arguments, status = joined.status, started_at = joined.started_at,
        completed_at = joined.completed_at, execution_time_ms = joined.execution_time_ms,
        result = joined.result, error_details = joined.error_details
    FROM joined
    WHERE known.id = joined.id
      AND (known.message_id, known.server_name, known.tool_name, known.arguments, known.status,
           known.started_at, known.completed_at, known.execution_time_ms, known.result, known.error_details)
          IS DISTINCT FROM
          (joined.message_id, joined.server_name, joined.tool_name, joined.arguments, joined.status,
           joined.started_at, joined.completed_at, joined.execution_time_ms, joined.result,
           joined.error_details)
)
INSERT INTO mcp_tool_calls (id, message_id, cc_instance_id, server_name, tool_name, arguments,
                            status, started_at, completed_at, execution_time_ms, result, error_details)
SELECT id, message_id, cc_instance_id, server_name, tool_name, arguments, status, started_at,
       COALESCE(answered_at, cancelled_at), execution_time_ms, result, error_details
FROM called
ON CONFLICT (id) DO NOTHING
"""

# A row that a later round had got before the first one was recorded, or a request before it was known whose
# tool use it is.
_REMOVE: Final = """
DELETE FROM mcp_tool_calls AS call
WHERE id = ANY($1::uuid[]) AND message_id = ANY($2::uuid[])
  AND NOT EXISTS (SELECT FROM cc_provenance told
                  WHERE told.session_id = $3 AND told.kind = 'tool' AND told.id = call.id)
"""


async def take_turn(connection: WriteConnection, instance_id: UUID) -> None:
    """Hold the calls of an instance until the commit."""
    await connection.exec_driver_sql(_TAKE_TURN, (str(instance_id),))


def paired(known: Mapping[UUID, Row]) -> dict[UUID, Entry]:
    """The request of each response among the rows, by the response's key."""
    return pair(entry for row in known.values() if (entry := row.entry()) is not None)


async def join_recorded(connection: WriteConnection, instance_id: UUID, call_ids: Sequence[UUID]) -> None:
    """Set anew of these calls what recorded messages know, after digestion has written what a session tells.

    The caller has taken the instance's turn, and stored what was told of the calls.
    """
    recorded = await (await driver(connection)).fetch(_RECORDED, call_ids)
    if recorded:
        known = await rows_around(connection, instance_id, [row["message_id"] for row in recorded])
        await sync_tool_calls(connection, instance_id, known, paired(known))


async def sync_tool_calls(
    connection: WriteConnection, instance_id: UUID, known: Mapping[UUID, Row], requests: Mapping[UUID, Entry]
) -> None:
    """Open, complete, fail or cancel the tool calls of all requests concerned, one for all its rounds."""
    rows = known.values()
    calls = [row for row in rows if row.type == McpMessageType.REQUEST and row.method == rounds.CALL]
    if not calls:
        return
    asked = {key: known[request.id] for key, request in requests.items() if known[key].part.asks}
    before = continued(rows, asked)
    responses = {request.id: key for key, request in requests.items() if key not in asked}
    cancels = _cancellations(rows, {*responses, *before.values()})
    calls.sort(key=lambda row: (row.at, row.id))
    last = {call.id: call.id for call in calls}
    for call in calls:
        if call.id in before:
            last[_first(call.id, before)] = call.id
    # Of requests for one use of a tool the one that was sent last.
    roots = {_key(instance_id, call): call for call in calls if call.id not in before}
    answered = [responses.get(last[call.id]) for call in roots.values()]
    elapsed = [
        answer(known[response], call)[1] if response is not None and last[call.id] != call.id else None
        for call, response in zip(roots.values(), answered, strict=True)
    ]
    cancelled = [cancels.get(last[call.id]) for call in roots.values()]
    raw = await driver(connection)
    outdated = {call.id for call in calls} | {_key(instance_id, known[key]) for key in before}
    if outdated := outdated - {*roots}:
        await raw.execute(_REMOVE, [*outdated], [call.id for call in calls], instance_id)
    requested = [call.id for call in roots.values()]
    await raw.execute(_SYNC, [*roots], requested, answered, cancelled, elapsed, [*before])


def _key(instance_id: UUID, call: Row) -> UUID:
    """The key of the call that a request makes, the same however often it is recorded."""
    return call.id if call.tool_use is None else call_key(instance_id, call.tool_use)


def _first(call: UUID, before: Mapping[UUID, UUID]) -> UUID:
    """The first round of a call."""
    while call in before:
        call = before[call]
    return call


def _cancellations(rows: Collection[Row], answered: Container[UUID]) -> dict[UUID, UUID]:
    """The notification that cancelled each request: of those with its id, the latest while it was open."""
    cancels = sorted((row for row in rows if row.method == CANCELLED and row.rpc_id), key=lambda row: row.at)
    found: dict[UUID, UUID] = {}
    for cancel in cancels:
        waiting = [
            row
            for row in rows
            if row.type == McpMessageType.REQUEST
            and (row.server, row.direction, row.rpc_id) == (cancel.server, cancel.direction, cancel.rpc_id)
            and row.id not in answered
            and row.id not in found
            and (row.at <= cancel.at or not (row.is_timed and cancel.is_timed))
        ]
        if waiting:
            found[max(waiting, key=lambda row: (row.at, row.id)).id] = cancel.id
    return found
