"""Keeps what belongs to an archived project beside its tasks and messages, so that restoring loses nothing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the figure after how many days maintenance moves an archived project."""
    op.create_table(
        "project_archive_rows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="基本キー"),
        sa.Column("project_id", sa.Uuid(), nullable=False, comment="プロジェクトID"),
        sa.Column("table_name", sa.Text(), nullable=False, comment="テーブル名"),
        sa.Column("content", JSONB(), nullable=False, comment="行の内容 (JSON)"),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects_archive.project_id"],
            name="project_archive_rows_project_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="project_archive_rows_pkey"),
        comment="アーカイブ済みプロジェクトに属する行",
    )
    op.execute(
        "CREATE INDEX idx_project_archive_rows_project ON project_archive_rows (project_id, table_name)"
    )
    op.execute(
        "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description) "
        "VALUES ('archive.projects_after_days', '30', 'number', 'archive', "
        "'Days after which maintenance moves an archived project into the archive tables')"
    )


def downgrade() -> None:
    """Drop the table; what it keeps of moved projects is gone then, so restore them first."""
    op.execute("DELETE FROM system_settings WHERE setting_key = 'archive.projects_after_days'")
    op.drop_table("project_archive_rows")
