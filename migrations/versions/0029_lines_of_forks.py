"""Finds the sessions that tell the same line of a conversation, by an index.

While it is made, `cc_provenance` cannot be written: about a second for a million rows. What Claude Code sends
meanwhile is stored and digested afterwards.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "idx_cc_provenance_line",
        "cc_provenance",
        [sa.text("(told #>> '{line,1}')")],
        postgresql_where=sa.text("kind IN ('kin', 'log', 'spent')"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("idx_cc_provenance_line", table_name="cc_provenance")
