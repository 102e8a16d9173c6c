"""Makes events of what an instance works with, said last and has used of its context, whose values are not recorded."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

PREVIOUS_FEED = """
CREATE OR REPLACE FUNCTION ccgraph_feed_cc_instances() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.project_id, OLD.name, OLD.type, OLD.status, OLD.parent_instance_id, OLD.exit_code, OLD.activity, OLD.activity_since) IS DISTINCT FROM (NEW.project_id, NEW.name, NEW.type, NEW.status, NEW.parent_instance_id, NEW.exit_code, NEW.activity, NEW.activity_since) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
            VALUES ('cc_instances', 'UPDATE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', OLD.project_id, 'name', OLD.name, 'type', OLD.type, 'status', OLD.status, 'parent_instance_id', OLD.parent_instance_id, 'exit_code', OLD.exit_code, 'activity', OLD.activity, 'activity_since', OLD.activity_since),
                jsonb_build_object('project_id', NEW.project_id, 'name', NEW.name, 'type', NEW.type, 'status', NEW.status, 'parent_instance_id', NEW.parent_instance_id, 'exit_code', NEW.exit_code, 'activity', NEW.activity, 'activity_since', NEW.activity_since), NEW.id::text, NEW.project_id, NULL, NEW.id, NULL);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'INSERT', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code, 'activity', changed.activity, 'activity_since', changed.activity_since), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'DELETE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code, 'activity', changed.activity, 'activity_since', changed.activity_since), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

NOTICED = " OR (OLD.activity_detail, OLD.model, OLD.last_message, OLD.context_used_percent, OLD.worktree_path) IS DISTINCT FROM (NEW.activity_detail, NEW.model, NEW.last_message, NEW.context_used_percent, NEW.worktree_path)"

FEED = PREVIOUS_FEED.replace(" THEN\n            INSERT", f"{NOTICED} THEN\n            INSERT")

PREVIOUS_TRIGGER = """
CREATE TRIGGER tr_cc_instances_feed_update AFTER UPDATE OF project_id, name, type, status, parent_instance_id, exit_code, activity, activity_since
ON cc_instances FOR EACH ROW EXECUTE FUNCTION ccgraph_feed_cc_instances()
"""

COLUMNS = "activity_detail, model, last_message, context_used_percent, worktree_path"

TRIGGER = PREVIOUS_TRIGGER.replace("activity_since", f"activity_since, {COLUMNS}")


def upgrade() -> None:
    """Readers of cc_instances wait for the moment in which the trigger is replaced."""
    op.execute(FEED)
    op.execute("DROP TRIGGER tr_cc_instances_feed_update ON cc_instances")
    op.execute(TRIGGER)


def downgrade() -> None:
    """Make events of the recorded columns alone, as before."""
    op.execute("DROP TRIGGER tr_cc_instances_feed_update ON cc_instances")
    op.execute(PREVIOUS_FEED)
    op.execute(PREVIOUS_TRIGGER)
