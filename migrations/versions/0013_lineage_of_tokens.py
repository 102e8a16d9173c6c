"""Remembers of a named token what made it, so that it ends with that.

Who made the tokens that there are already is not known: they live on as before. A named token bears its own
id as its family from now on; those without one are taken by their id.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and an index on the few tokens that have a lineage."""
    op.add_column(
        "auth_tokens",
        sa.Column("lineage", postgresql.ARRAY(sa.Uuid()), comment="発行元トークンの系列ID一覧（古い順）"),
    )
    op.execute(
        "CREATE INDEX idx_auth_tokens_lineage ON auth_tokens USING gin (lineage) WHERE lineage IS NOT NULL"
    )


def downgrade() -> None:
    """Drop the column, and the index with it."""
    op.drop_column("auth_tokens", "lineage")
