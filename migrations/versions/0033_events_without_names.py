"""Records the watched columns of an event as a JSON array, and compares first what mostly changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


@dataclass(frozen=True)
class Watch:
    """What the feed records of a table, and how an event finds those whom it concerns."""

    columns: str
    often: str = "status"
    noticed: str = ""
    project: str = "NULL"
    user: str = "NULL"
    instance: str = "NULL"
    socket: str = "NULL"


PROJECT_OF_ROW = "(SELECT project_id FROM projects WHERE projects.id = {r}.project_id)"
PROJECT_OF_INSTANCE = "(SELECT project_id FROM cc_instances WHERE cc_instances.id = {r}.cc_instance_id)"
RECEIVER = "COALESCE({r}.child_instance_id, {r}.parent_instance_id)"

WATCHES = {
    "cc_instances": Watch(
        "project_id name type status parent_instance_id exit_code activity activity_since",
        often="status activity activity_since",
        noticed="activity_detail model last_message context_used_percent worktree_path",
        project="{r}.project_id",
        instance="{r}.id",
    ),
    "tasks": Watch(
        "project_id parent_task_id name status priority task_type assigned_to",
        project="{r}.project_id",
        instance="{r}.assigned_to",
    ),
    "sessions": Watch(
        "session_id user_id project_id worktree_id name status",
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
    "worktrees": Watch(
        "user_id project_id branch_name commit_hash status sync_status uncommitted_changes",
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
    "ultrathink_messages": Watch(
        "instruction_type status",
        project=f"(SELECT project_id FROM cc_instances WHERE cc_instances.id = {RECEIVER})",
        instance=RECEIVER,
    ),
    "mcp_tool_calls": Watch(
        "tool_name status",
        project=PROJECT_OF_INSTANCE,
        instance="{r}.cc_instance_id",
    ),
    "cc_permission_requests": Watch(
        "user_id tool_name held_until decision answered_by",
        often="held_until decision",
        project=PROJECT_OF_INSTANCE,
        user="{r}.user_id",
        instance="{r}.cc_instance_id",
    ),
    "websocket_notifications": Watch(
        "socket_id project_id event_type event_name delivery_status retry_count",
        often="delivery_status retry_count",
        project="{r}.project_id",
        socket="{r}.socket_id",
    ),
    "notification_history": Watch(
        "user_id session_id notification_type service_type priority status retry_count",
        user="{r}.user_id",
    ),
    "projects": Watch(
        "name project_type status owner_id is_public collaborators max_parallel_cc",
        project="{r}.project_id",
        user="{r}.owner_id",
    ),
    "collaboration_participants": Watch(
        "collaboration_session_id user_id state",
        often="state",
        project="(SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id)"
        " JOIN projects ON projects.id = sessions.project_id"
        " WHERE collaboration_sessions.id = {r}.collaboration_session_id)",
        user="{r}.user_id",
    ),
    "project_invitations": Watch(
        "project_id user_id invited_by role state",
        often="state",
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
}

ACTOR = "NULLIF(current_setting('ccgraph.actor_id', true), '')::integer"
ROUTING = "row_key, project_id, user_id, instance_id, socket_id"

COMPARED_IN_TURN = """        IF ({often_old}) IS DISTINCT FROM ({often_new}) THEN
            NULL;
        ELSIF {unchanged} THEN
            RETURN NULL;
        END IF;
        INSERT INTO change_events (table_name, op, actor_id, old, new, {routing})
        VALUES ('{table}', 'UPDATE', {actor}, {old_recorded},
            {new_recorded}, {new_routing});
"""

COMPARED_AT_ONCE = """        IF {changed} THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, {routing})
            VALUES ('{table}', 'UPDATE', {actor}, {old_recorded},
                {new_recorded}, {new_routing});
        END IF;
"""

FUNCTION = """
CREATE OR REPLACE FUNCTION ccgraph_feed_{table}() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
{update}    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, {routing})
        SELECT '{table}', 'INSERT', {actor}, {recorded}, {routed}
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, {routing})
        SELECT '{table}', 'DELETE', {actor}, {recorded}, {routed}
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

# An event from before a column was recorded has fewer values.
NAMED = """
UPDATE change_events SET old = {old}, new = {new}
WHERE table_name = '{table}' AND (jsonb_typeof(old) = 'array' OR jsonb_typeof(new) = 'array')
"""
NAMED_VALUES = """CASE WHEN jsonb_typeof({side}) = 'array' THEN (
    SELECT jsonb_object_agg(name, {side} -> (place - 1)::integer)
    FROM unnest('{{{columns}}}'::text[]) WITH ORDINALITY AS recorded (name, place)
) ELSE {side} END"""


def upgrade() -> None:
    """Replace the functions, which locks no table; events that are there stay as they are."""
    for table, watch in WATCHES.items():
        op.execute(function(table, watch, COMPARED_IN_TURN, array))


def downgrade() -> None:
    """Give the events of the last days their names back: some seconds for each million, in which the feed can be read."""
    for table, watch in WATCHES.items():
        op.execute(function(table, watch, COMPARED_AT_ONCE, named))
    for table, watch in WATCHES.items():
        columns = ",".join(watch.columns.split())
        values = {side: NAMED_VALUES.format(side=side, columns=columns) for side in ("old", "new")}
        op.execute(NAMED.format(table=table, **values))


def function(table: str, watch: Watch, update: str, recorded: Callable[[Iterable[str], str], str]) -> str:
    """The trigger function of a table."""
    columns, often, noticed = watch.columns.split(), watch.often.split(), watch.noticed.split()
    others = [column for column in columns if column not in often]
    values = {
        "table": table,
        "actor": ACTOR,
        "routing": ROUTING,
        "often_old": values_of(often, "OLD"),
        "often_new": values_of(often, "NEW"),
        "unchanged": compared([others, noticed], "IS NOT DISTINCT FROM", " AND "),
        "changed": compared([columns, noticed], "IS DISTINCT FROM", " OR "),
        "old_recorded": recorded(columns, "OLD"),
        "new_recorded": recorded(columns, "NEW"),
        "recorded": recorded(columns, "changed"),
        "new_routing": routed(watch, "NEW"),
        "routed": routed(watch, "changed"),
    }
    return FUNCTION.format(update=update.format(**values), **values)


def values_of(columns: Iterable[str], row: str) -> str:
    """The columns of a row."""
    return ", ".join(f"{row}.{column}" for column in columns)


def compared(groups: list[list[str]], operator: str, joined: str) -> str:
    """Old and new values of each group of columns that is not empty."""
    return joined.join(
        f"({values_of(group, 'OLD')}) {operator} ({values_of(group, 'NEW')})" for group in groups if group
    )


def array(columns: Iterable[str], row: str) -> str:
    """The columns of a row as a JSON array."""
    return f"jsonb_build_array({values_of(columns, row)})"


def named(columns: Iterable[str], row: str) -> str:
    """The columns of a row as a JSON object."""
    return "jsonb_build_object({})".format(", ".join(f"'{column}', {row}.{column}" for column in columns))


def routed(watch: Watch, row: str) -> str:
    """The values of ROUTING."""
    ids = ("{r}.id::text", watch.project, watch.user, watch.instance, watch.socket)
    return ", ".join(ids).format(r=row)
