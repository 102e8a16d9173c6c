"""Finds who may see the rows of a batch of events: one statement for all events and all viewers."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from sqlalchemy import Uuid

from models import metadata
from models.policy import visible
from services.core.database import ReadConnection
from services.core.json_codec import write_stored
from services.feed.events import ChangeEvent

_INSTANCE_COLUMN = {
    "cc_permission_requests": "cc_instance_id",
    "mcp_tool_calls": "cc_instance_id",
    "ultrathink_messages": "child_instance_id",
}
"""Where a policy looks for an instance that the feed keeps among the routing ids."""


async def audience(
    connection: ReadConnection, events: Sequence[ChangeEvent], wanted: Mapping[int, Collection[int]]
) -> set[tuple[int, int]]:
    """The pairs (event number, users.id) out of those `wanted` for which the policies let the event through.

    `wanted` maps an event's number to the people who would hear of it; there is no need to ask about
    administrators. A row that is still there is judged as it is now, so access that was taken away ends at
    once; one that is gone is judged by what the event remembers of it.
    """
    pairs = [(event.number, user_id) for event in events for user_id in wanted.get(event.number, ())]
    if not pairs:
        return set()
    asked = [event for event in events if wanted.get(event.number)]
    records = await connection.fetch(
        _statement(frozenset(event.table for event in asked)),
        [event.number for event in asked],
        [event.table for event in asked],
        [event.key for event in asked],
        [_remembered(event) for event in asked],
        [number for number, _ in pairs],
        [user_id for _, user_id in pairs],
    )
    return {(record["number"], record["user_id"]) for record in records}


def _remembered(event: ChangeEvent) -> str:
    """The columns of the row that the event knows, as JSON text."""
    row = dict(event.remembered)
    if event.table in _INSTANCE_COLUMN and event.instance_id is not None:
        row[_INSTANCE_COLUMN[event.table]] = str(event.instance_id)
    return write_stored(row).decode()


@cache
def _statement(tables: frozenset[str]) -> str:
    """SQL that compares the row of each table, or what is remembered of it, with the table's policy.

    ```sql
    SELECT event.number, viewer.user_id FROM event JOIN viewer ON viewer.event = event.number
    CROSS JOIN LATERAL (
      SELECT * FROM tasks WHERE id = event.key::uuid
      UNION ALL
      SELECT * FROM jsonb_populate_record(NULL::tasks, event.remembered)
      WHERE NOT EXISTS (SELECT FROM tasks WHERE id = event.key::uuid)
    ) r
    WHERE event.table_name = 'tasks' AND <policy of tasks on r for viewer.user_id>
    ```
    """
    return f"""
WITH event AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[])
    AS e (number, table_name, key, remembered)
),
viewer AS MATERIALIZED (SELECT * FROM unnest($5::bigint[], $6::integer[]) AS v (number, user_id))
{"UNION ALL".join(_branch(table) for table in sorted(tables))}"""


def _branch(table: str) -> str:
    [key] = [column for column in metadata.tables[table].primary_key if column.name != "created_at"]
    same = f"{key.name} = event.key::{'uuid' if isinstance(key.type, Uuid) else 'bigint'}"
    return f"""
SELECT event.number, viewer.user_id
FROM event JOIN viewer USING (number) CROSS JOIN LATERAL (
  SELECT * FROM {table} WHERE {same}
  UNION ALL
  SELECT * FROM jsonb_populate_record(NULL::{table}, event.remembered)
  WHERE NOT EXISTS (SELECT FROM {table} WHERE {same})
) r
WHERE event.table_name = '{table}' AND {visible(table, "r", "viewer.user_id")}
"""
