"""Notes the backups that were made, and whether they were tried."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "backup_runs",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("ccgraph_uuid7()"),
            nullable=False,
            comment="バックアップID (UUID)",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="種類 (dump/base)"),
        sa.Column("status", sa.Text(), nullable=False, comment="状態 (completed/failed)"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="開始日時"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False, comment="終了日時"),
        sa.Column("path", sa.Text(), comment="保存先パス"),
        sa.Column("size_bytes", sa.BigInteger(), comment="サイズ (バイト)"),
        sa.Column("row_count", sa.BigInteger(), comment="行数"),
        sa.Column(
            "encryption_keys",
            JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="必要な暗号鍵ID (JSON)",
        ),
        sa.Column("error", sa.Text(), comment="エラー内容"),
        sa.Column("verified_at", sa.DateTime(timezone=True), comment="検証日時"),
        sa.Column("is_verified", sa.Boolean(), comment="検証結果"),
        sa.Column("removed_at", sa.DateTime(timezone=True), comment="削除日時"),
        sa.PrimaryKeyConstraint("id", name="backup_runs_pkey"),
        sa.CheckConstraint("kind IN ('dump', 'base')", name="chk_backup_runs_kind"),
        sa.CheckConstraint("status IN ('completed', 'failed')", name="chk_backup_runs_status"),
        sa.CheckConstraint("encryption_keys <> 'null'::jsonb", name="chk_backup_runs_encryption_keys"),
        comment="バックアップ実行履歴",
    )
    op.create_index("idx_backup_runs_kind_started", "backup_runs", ["kind", sa.text("started_at DESC")])


def downgrade() -> None:
    """Drop the table; the backups themselves stay where they are."""
    op.drop_table("backup_runs")
