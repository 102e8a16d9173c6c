"""Indexes from a project to the keys of its tasks and instances, by which most rows of others are seen."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TABLES = ("tasks", "cc_instances")


def upgrade() -> None:
    """Make the indexes."""
    for table in TABLES:
        op.execute(f"CREATE INDEX idx_{table}_project_keys ON {table} (project_id) INCLUDE (id)")


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.execute(f"DROP INDEX idx_{table}_project_keys")
