"""Lets maintenance go on where a figure in system_settings is none."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SETTING = """
CREATE OR REPLACE FUNCTION ccgraph_setting(wanted text) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN setting_value #>> '{}' ~ '^[0-9]+([.][0-9]+)?$' THEN
        LEAST((setting_value #>> '{}')::numeric,
            CASE WHEN right(wanted, 5) = '_days' THEN 1000000 ELSE 2147483647 END)::integer
    END
    FROM system_settings WHERE setting_key = wanted
$$
"""

PREVIOUS = """
CREATE OR REPLACE FUNCTION ccgraph_setting(wanted text) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT (setting_value #>> '{}')::numeric::integer FROM system_settings WHERE setting_key = wanted
$$
"""


def upgrade() -> None:
    """What is no figure counts as none, and one that is too large as the largest."""
    op.execute(SETTING)


def downgrade() -> None:
    """Read each value as a number, whatever it is."""
    op.execute(PREVIOUS)
