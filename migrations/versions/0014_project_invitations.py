"""Invitations to projects, which people accept or decline, and their events in the change feed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION ccgraph_feed_project_invitations() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.project_id, OLD.user_id, OLD.invited_by, OLD.role, OLD.state) IS DISTINCT FROM (NEW.project_id, NEW.user_id, NEW.invited_by, NEW.role, NEW.state) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
            VALUES ('project_invitations', 'UPDATE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', OLD.project_id, 'user_id', OLD.user_id, 'invited_by', OLD.invited_by, 'role', OLD.role, 'state', OLD.state),
                jsonb_build_object('project_id', NEW.project_id, 'user_id', NEW.user_id, 'invited_by', NEW.invited_by, 'role', NEW.role, 'state', NEW.state), NEW.id::text, (SELECT project_id FROM projects WHERE projects.id = NEW.project_id), NEW.user_id, NULL, NULL);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'project_invitations', 'INSERT', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'user_id', changed.user_id, 'invited_by', changed.invited_by, 'role', changed.role, 'state', changed.state), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'project_invitations', 'DELETE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'user_id', changed.user_id, 'invited_by', changed.invited_by, 'role', changed.role, 'state', changed.state), changed.id::text, (SELECT project_id FROM projects WHERE projects.id = changed.project_id), changed.user_id, NULL, NULL
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

TRIGGERS = (
    "CREATE TRIGGER tr_project_invitations_feed AFTER INSERT ON project_invitations "
    "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_project_invitations()",
    "CREATE TRIGGER tr_project_invitations_feed_delete AFTER DELETE ON project_invitations "
    "REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_project_invitations()",
    "CREATE TRIGGER tr_project_invitations_feed_update AFTER UPDATE OF project_id, user_id, invited_by, role, state ON project_invitations "
    "FOR EACH ROW EXECUTE FUNCTION ccgraph_feed_project_invitations()",
)


def upgrade() -> None:
    """Make the table, its indexes and its triggers. Those who are collaborators already stay so."""
    op.create_table(
        "project_invitations",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("ccgraph_uuid7()"),
            nullable=False,
            comment="招待ID (UUID)",
        ),
        sa.Column("project_id", sa.Integer(), nullable=False, comment="プロジェクトID"),
        sa.Column("project_name", sa.String(100), nullable=False, comment="招待時のプロジェクト名"),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="招待されたユーザーID"),
        sa.Column("invited_by", sa.Integer(), nullable=False, comment="招待したユーザーID"),
        sa.Column("role", sa.Text(), nullable=False, comment="役割 (viewer/editor/owner)"),
        sa.Column("keep_as", sa.Text(), comment="譲渡後の元所有者の役割 (viewer/editor)"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="pending",
            nullable=False,
            comment="状態 (pending/accepted/declined/withdrawn)",
        ),
        sa.Column(
            "invited_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="招待日時",
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), comment="回答日時"),
        sa.PrimaryKeyConstraint("id", name="project_invitations_pkey"),
        sa.UniqueConstraint("project_id", "user_id", name="project_invitations_project_id_user_id_key"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="project_invitations_project_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="project_invitations_user_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name="project_invitations_invited_by_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'owner')", name="chk_project_invitations_role"),
        sa.CheckConstraint("keep_as IN ('viewer', 'editor')", name="chk_project_invitations_keep_as"),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'declined', 'withdrawn')", name="chk_project_invitations_state"
        ),
        comment="プロジェクトへの招待",
    )
    op.create_index("idx_project_invitations_user_state", "project_invitations", ["user_id", "state"])
    op.create_index("idx_project_invitations_inviter_state", "project_invitations", ["invited_by", "state"])
    op.execute(FUNCTION)
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Drop the table with its triggers, and their function; who has not answered is asked no more."""
    op.drop_table("project_invitations")
    op.execute("DROP FUNCTION ccgraph_feed_project_invitations()")
