"""Lists and totals of running instances begin from the projects that the person may see.

While the index is made instances can be read and not changed: less than a second for each million of them.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.execute("CREATE INDEX idx_cc_instances_running ON cc_instances (project_id) WHERE status = 'RUNNING'")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX idx_cc_instances_running")
