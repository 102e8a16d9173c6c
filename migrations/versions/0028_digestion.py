"""Keeps which source told what of the rows that digestion makes, and the MCP server of a tool call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

SETTINGS = (
    (
        "fleet.max_projects",
        "500",
        "number",
        "fleet",
        "Projects that a person may own before directories of Claude Code that are new get none of their own.",
    ),
    (
        "fleet.directory_projects",
        "[]",
        "array",
        "fleet",
        'Which project sessions of a directory belong to: objects with "directory", in which * stands for anything, and "project_id"; the first that fits counts.',
    ),
)


def upgrade() -> None:
    """Make the table, the column and the settings."""
    op.create_table(
        "cc_provenance",
        sa.Column("session_id", sa.Uuid(), nullable=False, comment="セッションID (UUID)"),
        sa.Column("kind", sa.Text(), nullable=False, comment="対象の種別"),
        sa.Column("id", sa.Uuid(), nullable=False, comment="対象の行のID"),
        sa.Column("name", sa.Text(), nullable=False, comment="Claude Code内での名前"),
        sa.Column("told", JSONB(), nullable=False, comment="項目ごとの情報源の重み (JSON)"),
        sa.PrimaryKeyConstraint("session_id", "kind", "id", name="cc_provenance_pkey"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.session_id"],
            name="cc_provenance_session_id_fkey",
            ondelete="CASCADE",
        ),
        comment="取り込んだ情報の出所",
    )
    op.add_column("mcp_tool_calls", sa.Column("server_name", sa.Text(), comment="MCPサーバー名"))
    for setting in SETTINGS:
        op.get_bind().execute(
            sa.text(
                "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description)"
                " VALUES (:key, CAST(:value AS jsonb), :data_type, :category, :description)"
                " ON CONFLICT (setting_key) DO NOTHING"
            ),
            dict(zip(("key", "value", "data_type", "category", "description"), setting, strict=True)),
        )


def downgrade() -> None:
    """Drop them; who told what is forgotten."""
    op.get_bind().execute(
        sa.text("DELETE FROM system_settings WHERE setting_key = ANY(:keys)"),
        {"keys": [setting[0] for setting in SETTINGS]},
    )
    op.drop_column("mcp_tool_calls", "server_name")
    op.drop_table("cc_provenance")
