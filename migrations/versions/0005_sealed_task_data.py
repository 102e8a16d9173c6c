"""Gives the sensitive parts of a task's input and output columns of their own, which hold them encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("tasks", "tasks_archive")
COLUMNS = {
    "input_secrets": "入力データの機密部分（暗号化）",
    "output_secrets": "出力データの機密部分（暗号化）",
}


def upgrade() -> None:
    """Add the columns, empty: what is stored already stays as it is."""
    for table in TABLES:
        for name, comment in COLUMNS.items():
            op.add_column(table, sa.Column(name, sa.Text(), comment=comment))


def downgrade() -> None:
    """Drop the columns; the sensitive parts are gone then, and `[masked]` stays in their place."""
    for table in TABLES:
        for name in COLUMNS:
            op.drop_column(table, name)
