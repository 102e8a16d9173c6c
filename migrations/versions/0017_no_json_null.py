"""Keeps the JSON value null out of columns that are never null."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

COLUMNS = {
    "mcp_tool_calls": "arguments",
    "system_settings": "setting_value",
    "websocket_notifications": "payload",
}


def upgrade() -> None:
    """An empty object takes the place of null, which is what an absent one has always been."""
    for table, column in COLUMNS.items():
        op.execute(f"UPDATE {table} SET {column} = '{{}}' WHERE {column} = 'null'")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT chk_{table}_{column} CHECK ({column} <> 'null'::jsonb)"
        )


def downgrade() -> None:
    """Drop the constraints."""
    for table, column in COLUMNS.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT chk_{table}_{column}")
