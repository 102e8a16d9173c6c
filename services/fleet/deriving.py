"""Rows that follow from other rows: who began a subagent, what it was told, tasks, operations on files.

They are made anew from what stands in the tables, so it does not matter in which order that came.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from models.enums import (
    CcInstanceStatus,
    UltrathinkInstructionType,
    UltrathinkStatus,
)
from services.core.database import Connection
from services.fleet import keys
from services.fleet.activities import Doing
from services.fleet.facts import Kind
from services.fleet.sessions import Told, moment_of
from services.fleet.storing import concealed

_ENDED: Final = "The process ended before the tool did."

# Of calls that were under way when the process of their instance ended, no result will come.
_END_CALLS: Final = f"""
UPDATE mcp_tool_calls AS call
SET status = 'failed', error_details = jsonb_build_object('message', '{_ENDED}', 'interrupted', true)
FROM unnest($1::uuid[], $2::timestamptz[]) AS ended (id, at)
WHERE call.cc_instance_id = ended.id AND call.status IN ('pending', 'running') AND call.started_at <= ended.at
RETURNING call.id
"""

_CALLERS: Final = "SELECT id, cc_instance_id FROM mcp_tool_calls WHERE id = ANY($1::uuid[])"

_ADOPT: Final = """
UPDATE cc_instances AS child SET parent_instance_id = given.parent
FROM unnest($1::uuid[], $2::uuid[]) AS given (id, parent)
WHERE child.id = given.id AND child.parent_instance_id IS DISTINCT FROM given.parent
  AND EXISTS (SELECT FROM cc_instances parent WHERE parent.id = given.parent)
"""


async def settle_callers(raw: Connection, sessions: Iterable[Told]) -> None:
    """Put each subagent below the instance whose tool call began it."""
    calls: dict[UUID, list[tuple[Told, str]]] = {}
    for session in sessions:
        for entity in session.of(Kind.INSTANCE):
            if entity.name and (use := entity.values.get("caller_tool")):
                calls.setdefault(keys.tool_call(session.key, str(use)), []).append((session, entity.name))
    if not calls:
        return
    parents: dict[UUID, UUID] = {}
    for row in await raw.fetch(_CALLERS, list(calls)):
        for session, agent in calls[row["id"]]:
            if row["cc_instance_id"] is not None:
                parents[session.instance(agent)] = row["cc_instance_id"]
    tree = {child: parent for child, parent in sorted(parents.items()) if not _circle(child, parents)}
    if tree:
        await raw.execute(_ADOPT, list(tree), list(tree.values()))


def _circle(child: UUID, parents: Mapping[UUID, UUID]) -> bool:
    """True if an instance would stand above itself."""
    seen = {child}
    above: UUID | None = parents[child]
    while above is not None and above not in seen:
        seen.add(above)
        above = parents.get(above)
    return above is not None


async def end_interrupted_calls(raw: Connection, cutoffs: Mapping[UUID, int]) -> set[UUID]:
    """Fail the calls that were under way when the process of their instance ended; gives their keys."""
    if not cutoffs:
        return set()
    ended = sorted(cutoffs)
    rows = await raw.fetch(_END_CALLS, ended, [moment_of(cutoffs[key]) for key in ended])
    return {row["id"] for row in rows}


# How long a call took that no source has timed; one that was denied did not run.
_TIME_CALLS: Final = """
UPDATE mcp_tool_calls SET execution_time_ms = LEAST(GREATEST(
    round(extract(epoch FROM completed_at - started_at) * 1000), 0), 2147483647)::integer
WHERE id = ANY($1::uuid[]) AND completed_at IS NOT NULL AND NOT COALESCE(error_details ? 'denied', false)
"""


async def time_calls(raw: Connection, calls: Sequence[UUID]) -> None:
    """Say of calls that no source has timed how long they took, by their ends."""
    if calls:
        await raw.execute(_TIME_CALLS, calls)


_INSTRUCT: Final = """
INSERT INTO ultrathink_messages AS known
    (id, parent_instance_id, child_instance_id, instruction_type, instruction_content, keyword_detected,
     sent_at, acknowledged_at, execution_started_at, response_content, completed_at, status)
SELECT given.id, child.parent_instance_id, child.id, $2, told.content,
       position('ultrathink' IN lower(told.content)) > 0,
       LEAST(COALESCE(call.started_at, child.created_at), child.created_at),
       child.started_at, child.started_at, given.answer,
       CASE WHEN given.status IN ('completed', 'failed')
            THEN COALESCE(given.completed_at, child.terminated_at) END,
       given.status
FROM unnest($1::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
    AS given (id, child_id, call_id, prompt, answer, completed_at, status)
JOIN cc_instances child ON child.id = given.child_id
LEFT JOIN mcp_tool_calls call ON call.id = given.call_id
CROSS JOIN LATERAL (SELECT COALESCE(given.prompt, call.arguments ->> 'prompt') AS content) AS told
WHERE told.content IS NOT NULL
ON CONFLICT (id) DO UPDATE
SET parent_instance_id = excluded.parent_instance_id, instruction_content = excluded.instruction_content,
    keyword_detected = excluded.keyword_detected, sent_at = excluded.sent_at,
    acknowledged_at = excluded.acknowledged_at, execution_started_at = excluded.execution_started_at,
    response_content = excluded.response_content, completed_at = excluded.completed_at,
    status = excluded.status
WHERE known.child_instance_id = excluded.child_instance_id
  AND (known.parent_instance_id, known.instruction_content, known.sent_at, known.acknowledged_at,
       known.response_content, known.completed_at, known.status)
      IS DISTINCT FROM
      (excluded.parent_instance_id, excluded.instruction_content, excluded.sent_at, excluded.acknowledged_at,
       excluded.response_content, excluded.completed_at, excluded.status)
"""


async def store_instructions(
    raw: Connection, sessions: Sequence[Told], doing: Mapping[tuple[UUID, str], Doing | None]
) -> None:
    """Store the instructions and the answer of each subagent."""
    rows: dict[UUID, dict[str, Any]] = {}
    for session in sessions:
        for entity in session.of(Kind.INSTANCE):
            if not entity.name:
                continue
            values = entity.values
            use = values.get("caller_tool")
            now = doing.get((session.key, entity.name))
            rows[keys.row(session.key, "instruction", entity.name)] = {
                "child_instance_id": session.instance(entity.name),
                "message_id": None if use is None else keys.tool_call(session.key, str(use)),
                "instruction_content": values.get("prompt"),
                "response_content": values.get("answer"),
                "completed_at": moment_of(values.get("answered")),
                "status": _instruction_status(values, now).value,
            }
    if not rows:
        return
    shown = await concealed("ultrathink_messages", rows)
    ordered = sorted(shown)
    columns = [[shown[key][name] for key in ordered] for name in next(iter(shown.values()))]
    await raw.execute(_INSTRUCT, ordered, UltrathinkInstructionType.TASK_ASSIGNMENT.value, *columns)


def _instruction_status(values: Mapping[str, Any], now: Doing | None) -> UltrathinkStatus:
    if values.get("failed"):
        return UltrathinkStatus.FAILED
    if now is not None and now.status is CcInstanceStatus.STOPPED:
        return UltrathinkStatus.COMPLETED if values.get("answer") else UltrathinkStatus.FAILED
    return UltrathinkStatus.EXECUTING


# The call that was asked for is the next one of that tool with that input. One that MCP messages have timed
# starts when it was allowed, a session tells when it was asked for. A person's answer through the
# server stays; of one in the terminal the call tells. What was not answered has lapsed once the turn is over.
_SETTLE: Final = """
UPDATE cc_permission_requests AS request
SET decision = settled.decision, answered_at = settled.at, message = settled.message,
    waited_ms = LEAST(GREATEST(extract(epoch FROM settled.at - request.asked_at) * 1000, 0),
                      9223372036854775807)::bigint
FROM (
    SELECT asked.id,
        CASE WHEN call.is_refused THEN 'deny' WHEN call.ended_at IS NOT NULL THEN 'allow'
             WHEN call.id IS NULL AND over.at IS NOT NULL THEN 'lapsed' END AS decision,
        GREATEST(asked.asked_at,
            CASE WHEN call.is_refused THEN COALESCE(call.ended_at, call.started_at)
                 WHEN call.ended_at IS NOT NULL
                 THEN call.ended_at - COALESCE(call.execution_time_ms, 0) * interval '1 millisecond'
                 WHEN call.id IS NULL THEN over.at END) AS at,
        CASE WHEN call.is_refused THEN call.message END AS message
    FROM cc_permission_requests asked
    JOIN cc_instances instance ON instance.id = asked.cc_instance_id
    CROSS JOIN LATERAL (
        SELECT instance.activity_since AS at
        WHERE instance.activity IN ('IDLE', 'BACKGROUND', 'GONE') AND instance.activity_since > asked.asked_at
        UNION ALL SELECT NULL LIMIT 1
    ) AS over
    LEFT JOIN LATERAL (
        SELECT made.id, made.started_at, made.execution_time_ms,
            CASE WHEN made.status IN ('completed', 'failed')
                 THEN COALESCE(made.completed_at, made.started_at) END AS ended_at,
            made.status = 'failed'
                AND (made.error_details ? 'denied' OR made.error_details ? 'interrupted') AS is_refused,
            made.error_details ->> 'message' AS message
        FROM mcp_tool_calls made
        WHERE made.cc_instance_id = asked.cc_instance_id AND made.tool_name = asked.tool_name
          AND made.arguments = COALESCE(asked.tool_input, '{}'::jsonb)
          AND made.started_at BETWEEN asked.asked_at - interval '1 minute'
                                  AND asked.asked_at + interval '1 day'
          AND (made.message_id IS NOT NULL OR made.started_at <= asked.asked_at + interval '1 minute')
        ORDER BY abs(extract(epoch FROM made.started_at - asked.asked_at)), made.id
        LIMIT 1
    ) AS call ON true
    WHERE asked.session_id = ANY($1::uuid[]) AND asked.answered_by IS NULL
      AND (asked.decision IS NULL OR call.id IS NOT NULL)
) AS settled
WHERE request.id = settled.id
  AND (request.decision, request.answered_at, request.message)
      IS DISTINCT FROM (settled.decision, settled.at, settled.message)
  AND settled.decision IS NOT NULL AND settled.at IS NOT NULL
"""


async def settle_requests(raw: Connection, sessions: Sequence[UUID]) -> None:
    """Find out how permissions ended that were asked for in the terminal."""
    await raw.execute(_SETTLE, sessions)


_TOTALS: Final = """
UPDATE sessions AS s SET total_tokens_used = LEAST(used.total, 2147483647)::integer
FROM (
    SELECT given.session_id, COALESCE(sum(
        u.input_tokens::bigint + u.output_tokens + u.cache_read_tokens + u.cache_creation_tokens), 0) AS total
    FROM unnest($1::uuid[]) AS given (session_id) LEFT JOIN cc_usage u USING (session_id)
    GROUP BY given.session_id
) AS used
WHERE s.session_id = used.session_id AND (used.total > 0 OR s.session_id = ANY($2::uuid[]))
  AND s.total_tokens_used IS DISTINCT FROM LEAST(used.total, 2147483647)
"""


async def store_totals(raw: Connection, sessions: Sequence[Told]) -> None:
    """Say of sessions how many tokens their requests have used."""
    lost = [session.key for session in sessions if session.has_lost_rows]
    await raw.execute(_TOTALS, [session.key for session in sessions], lost)
