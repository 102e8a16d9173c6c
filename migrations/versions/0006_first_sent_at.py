"""Tells notifications that a connection has been sent from those that nobody has listened to yet."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and an index on what waits to be confirmed; what was stored before counts as sent."""
    op.add_column(
        "websocket_notifications",
        sa.Column("first_sent_at", sa.DateTime(timezone=True), comment="初回送信時刻（接続への書き込み）"),
    )
    op.execute("UPDATE websocket_notifications SET first_sent_at = sent_at")
    op.execute(
        "CREATE INDEX idx_websocket_notifications_unconfirmed ON websocket_notifications (sent_at) "
        "WHERE delivery_status = 'sent' AND first_sent_at IS NOT NULL"
    )


def downgrade() -> None:
    """Drop the column, and the index with it."""
    op.drop_column("websocket_notifications", "first_sent_at")
