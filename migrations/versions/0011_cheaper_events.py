"""Makes the change events of updates cheaper: what PostgreSQL parses anew for each statement is compared in plpgsql.

That was the condition of each trigger and the CHECK on change_events. Events come of the same changes as before.
"""

from collections.abc import Iterable
from typing import NamedTuple

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


class Watch(NamedTuple):
    """The columns that are recorded, and the ids that are written beside them; `{r}` is the row."""

    columns: str
    project: str
    user: str = "NULL"
    instance: str = "NULL"
    socket: str = "NULL"


PROJECT_OF_ROW = "(SELECT project_id FROM projects WHERE projects.id = {r}.project_id)"
PROJECT_OF_INSTANCE = "(SELECT project_id FROM cc_instances WHERE cc_instances.id = {r}.cc_instance_id)"
RECEIVER = "COALESCE({r}.child_instance_id, {r}.parent_instance_id)"

WATCHES = {
    "cc_instances": Watch(
        "project_id name type status parent_instance_id exit_code",
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
    "websocket_notifications": Watch(
        "socket_id project_id event_type event_name delivery_status retry_count",
        project="{r}.project_id",
        socket="{r}.socket_id",
    ),
    "notification_history": Watch(
        "user_id session_id notification_type service_type priority status retry_count",
        project="NULL",
        user="{r}.user_id",
    ),
    "projects": Watch(
        "name project_type status owner_id is_public collaborators max_parallel_cc",
        project="{r}.project_id",
        user="{r}.owner_id",
    ),
    "collaboration_participants": Watch(
        "collaboration_session_id user_id state",
        project="(SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id)"
        " JOIN projects ON projects.id = sessions.project_id"
        " WHERE collaboration_sessions.id = {r}.collaboration_session_id)",
        user="{r}.user_id",
    ),
}

ROUTING = "row_key, project_id, user_id, instance_id, socket_id"
ACTOR = "NULLIF(current_setting('ccgraph.actor_id', true), '')"

UPGRADED = """
CREATE OR REPLACE FUNCTION ccgraph_feed_{table}() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF ({old}) IS DISTINCT FROM ({new}) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, {routing})
            VALUES ('{table}', 'UPDATE', {actor}::integer, {old_recorded},
                {new_recorded}, {new_routing});
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, {routing})
        SELECT '{table}', 'INSERT', {actor}::integer, {recorded}, {routed}
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, {routing})
        SELECT '{table}', 'DELETE', {actor}::integer, {recorded}, {routed}
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

DOWNGRADED = """
CREATE OR REPLACE FUNCTION ccgraph_feed_{table}() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    actor CONSTANT integer := {actor};
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, {routing})
        SELECT '{table}', TG_OP, actor, {recorded}, {routed}
        FROM new_rows AS changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO change_events (table_name, op, actor_id, old, {routing})
        SELECT '{table}', TG_OP, actor, {recorded}, {routed}
        FROM old_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, new, {routing})
        VALUES ('{table}', TG_OP, actor, {old_recorded},
            {new_recorded}, {new_routing});
    END IF;
    RETURN NULL;
END
$$
"""

FIRES_UPGRADED = "AFTER UPDATE OF {columns} ON {table} FOR EACH ROW"
FIRES_DOWNGRADED = "AFTER UPDATE ON {table} FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}))"


def upgrade() -> None:
    """Fire where a watched column is set, and let the function compare."""
    replace(UPGRADED, FIRES_UPGRADED)
    # Locked last, as by those who write.
    op.execute("ALTER TABLE change_events DROP CONSTRAINT chk_change_events_op")


def downgrade() -> None:
    """Let the trigger's condition compare."""
    replace(DOWNGRADED, FIRES_DOWNGRADED)
    op.execute(
        "ALTER TABLE change_events ADD CONSTRAINT chk_change_events_op CHECK (op IN ('INSERT', 'UPDATE', 'DELETE'))"
    )


def replace(function: str, fires: str) -> None:
    """Put other functions and triggers of updates in the place of those that are there."""
    for table, watch in WATCHES.items():
        columns = watch.columns.split()
        values = {
            "table": table,
            "columns": ", ".join(columns),
            "old": values_of(columns, "OLD"),
            "new": values_of(columns, "NEW"),
            "old_recorded": recorded(columns, "OLD"),
            "new_recorded": recorded(columns, "NEW"),
            "recorded": recorded(columns, "changed"),
            "new_routing": routed(watch, "NEW"),
            "routed": routed(watch, "changed"),
            "routing": ROUTING,
            "actor": ACTOR,
        }
        name = f"tr_{table}_feed_update"
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(function.format(**values))
        op.execute(f"CREATE TRIGGER {name} {fires.format(**values)} EXECUTE FUNCTION ccgraph_feed_{table}()")


def values_of(columns: Iterable[str], row: str) -> str:
    """The columns of a row."""
    return ", ".join(f"{row}.{column}" for column in columns)


def recorded(columns: Iterable[str], row: str) -> str:
    """The columns of a row as JSON."""
    return "jsonb_build_object({})".format(", ".join(f"'{column}', {row}.{column}" for column in columns))


def routed(watch: Watch, row: str) -> str:
    """The values of ROUTING."""
    ids = ("{r}.id::text", watch.project, watch.user, watch.instance, watch.socket)
    return ", ".join(ids).format(r=row)
