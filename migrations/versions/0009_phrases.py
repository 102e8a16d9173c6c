"""Functions with which a phrase is looked for in the text itself, among the rows that have its pairs."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION ccgraph_candidates(search text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(ccgraph_tsquery(search)::text, '<->', '&')::tsquery
$$
""",
    """
CREATE OR REPLACE FUNCTION ccgraph_phrases(search text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT COALESCE(array_agg('%' || run[1] || '%'), '{}')
    FROM regexp_matches(normalize(left(search, 1000), NFKC), '[々〇ぁ-ゖゝ-ゟァ-ヺー-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿ᄀ-ᇿ㄰-㆏가-힣𠀀-𿿿]{3,}', 'g') AS found (run)
$$
""",
)


def upgrade() -> None:
    """Make the functions."""
    for statement in FUNCTIONS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION ccgraph_phrases(text)")
    op.execute("DROP FUNCTION ccgraph_candidates(text)")
