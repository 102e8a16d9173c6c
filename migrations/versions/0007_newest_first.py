"""Lets the newest file operations and log entries of everybody be read without reading all of them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index both tables in the order in which people look through them."""
    op.execute("CREATE INDEX idx_file_operations_created_at ON file_operations (created_at, id)")
    op.execute("CREATE INDEX idx_system_logs_created_at ON system_logs (created_at, id)")


def downgrade() -> None:
    """Drop the indexes."""
    op.execute("DROP INDEX idx_file_operations_created_at")
    op.execute("DROP INDEX idx_system_logs_created_at")
