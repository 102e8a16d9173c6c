"""Indexes that hold all that counts and groups of tasks and open instructions read."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TASKS = (
    "CREATE INDEX idx_tasks_status_priority_created ON tasks (status, priority, created_at)"
    " INCLUDE (actual_duration_minutes)"
)
SENT = "CREATE INDEX idx_ultrathink_sent_status ON ultrathink_messages (sent_at, status)"


def upgrade() -> None:
    """Make the index of tasks, and add to that of instructions who may see them."""
    op.execute(TASKS)
    op.execute("DROP INDEX idx_ultrathink_sent_status")
    op.execute(f"{SENT} INCLUDE (parent_instance_id, child_instance_id, task_id)")


def downgrade() -> None:
    """Drop the one, and leave of the other what it held before."""
    op.execute("DROP INDEX idx_ultrathink_sent_status")
    op.execute(SENT)
    op.execute("DROP INDEX idx_tasks_status_priority_created")
