"""Columns by which notifications are claimed and sent, and tables for their pace and for the place in the feed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

DUE = (
    "CREATE INDEX idx_notification_history_due ON notification_history "
    "(GREATEST(COALESCE(scheduled_at, created_at), next_attempt_at, lease_expires_at)) "
    "WHERE status = 'pending' AND summary_of IS NULL"
)
SUMMARY = (
    "CREATE INDEX idx_notification_history_summary ON notification_history (summary_of) "
    "WHERE summary_of IS NOT NULL"
)


def upgrade() -> None:
    """Add what no row has yet: no table is rewritten. The indexes hold what waits, so they are made at once.

    The default of message_id comes after its column, for the same reason.
    """
    op.add_column(
        "notification_settings",
        sa.Column("previous_webhook_secret", sa.Text(), comment="変更前のWebhook署名シークレット (暗号化)"),
    )
    op.add_column(
        "notification_settings",
        sa.Column(
            "webhook_secret_changed_at",
            sa.DateTime(timezone=True),
            comment="Webhook署名シークレット変更日時",
        ),
    )
    for column in (
        sa.Column("message_id", sa.Uuid(), comment="メッセージID (webhook-id など、再送でも不変)"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), comment="次回送信試行日時"),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), comment="配信リース期限"),
        sa.Column("lease_holder", sa.Uuid(), comment="配信中のワーカーID"),
        sa.Column("summary_of", sa.BigInteger(), comment="まとめて送信した通知の主キー"),
    ):
        op.add_column("notification_history", column)
    op.alter_column("notification_history", "message_id", server_default=sa.text("gen_random_uuid()"))
    op.execute(DUE)
    op.execute(SUMMARY)
    op.create_table(
        "notification_pace",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False, comment="ユーザーID"),
        sa.Column("service_type", sa.String(20), nullable=False, comment="通知サービス種別"),
        sa.Column(
            "told_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="最終まとめ送信日時",
        ),
        sa.PrimaryKeyConstraint("user_id", "service_type", name="notification_pace_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="notification_pace_user_id_fkey", ondelete="CASCADE"
        ),
        comment="まとめ通知の間隔管理",
    )
    op.create_table(
        "notification_position",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False, comment="基本キー"),
        sa.Column("epoch", sa.Uuid(), nullable=False, comment="フィードの世代 (UUID)"),
        sa.Column("start", sa.Integer(), nullable=False, comment="起動の連番"),
        sa.Column("before", sa.Text(), nullable=False, comment="処理済みスナップショット"),
        sa.Column("until", sa.Text(), comment="処理中スナップショット"),
        sa.Column(
            "past",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="処理済みイベント連番",
        ),
        sa.PrimaryKeyConstraint("id", name="notification_position_pkey"),
        sa.CheckConstraint("id", name="chk_notification_position_single"),
        comment="通知生成のフィード位置",
    )


def downgrade() -> None:
    """Drop them. What waits is sent by no release before this one; secrets that were replaced are forgotten."""
    op.drop_table("notification_position")
    op.drop_table("notification_pace")
    op.execute("DROP INDEX idx_notification_history_summary, idx_notification_history_due")
    for column in ("summary_of", "lease_holder", "lease_expires_at", "next_attempt_at", "message_id"):
        op.drop_column("notification_history", column)
    for column in ("webhook_secret_changed_at", "previous_webhook_secret"):
        op.drop_column("notification_settings", column)
