"""Shows the name of an instance's parent only within a project, so that it tells nothing of another one."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

VIEW = """
CREATE OR REPLACE VIEW active_cc_instances AS
SELECT
    cc.id,
    cc.project_id,
    cc.type,
    cc.status,
    cc.created_at,
    cc.last_heartbeat,
    cc.name AS cc_instance_name,
    parent.name AS parent_instance_name
FROM cc_instances cc
LEFT JOIN cc_instances parent ON cc.parent_instance_id = parent.id{same_project}
WHERE cc.status IN ('IDLE', 'RUNNING')
ORDER BY cc.last_heartbeat DESC
"""


def upgrade() -> None:
    """Join parents of the same project."""
    same_project = "\n    AND cc.project_id IS NOT DISTINCT FROM parent.project_id"
    op.execute(VIEW.format(same_project=same_project))


def downgrade() -> None:
    """Join every parent."""
    op.execute(VIEW.format(same_project=""))
