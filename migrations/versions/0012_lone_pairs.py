"""A function that tells a search for one pair of characters, whose rank needs no vector."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION ccgraph_lone_pair(search text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT pair[1] FROM regexp_matches(ccgraph_tsquery(search)::text, '^''([々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿]{2})''$') AS found (pair)
    WHERE left(pair[1], 1) <> right(pair[1], 1)
$$
"""


def upgrade() -> None:
    """Make the function."""
    op.execute(FUNCTION)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION ccgraph_lone_pair(text)")
