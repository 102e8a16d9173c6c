"""Finds the first tasks that an instance holds without reading all of them.

While the index is made tasks can be read and not changed: less than a second for each million of them.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.execute(
        "CREATE INDEX idx_tasks_held ON tasks (assigned_to, started_at)"
        " WHERE status = 'RUNNING' AND assigned_to IS NOT NULL"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX idx_tasks_held")
