"""Counters: calls of an account in an hour, attempts to log in."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE api_call_counts (
        user_id INTEGER NOT NULL,
        hour TIMESTAMP WITH TIME ZONE NOT NULL,
        calls INTEGER NOT NULL,
        CONSTRAINT api_call_counts_pkey PRIMARY KEY (user_id, hour),
        CONSTRAINT api_call_counts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    ) WITH (fillfactor = 50)
    """,
    "COMMENT ON TABLE api_call_counts IS '1時間毎のAPI呼び出し回数'",
    "COMMENT ON COLUMN api_call_counts.user_id IS 'ユーザーID'",
    "COMMENT ON COLUMN api_call_counts.hour IS '集計時間帯 (UTCの毎時0分)'",
    "COMMENT ON COLUMN api_call_counts.calls IS 'API呼び出し回数'",
    """
    CREATE TABLE login_attempts (
        subject BYTEA NOT NULL,
        attempts INTEGER NOT NULL,
        window_started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT login_attempts_pkey PRIMARY KEY (subject)
    ) WITH (fillfactor = 50)
    """,
    "COMMENT ON TABLE login_attempts IS 'ログイン試行回数の制限'",
    "COMMENT ON COLUMN login_attempts.subject IS '対象のハッシュ (アカウントまたはアドレス)'",
    "COMMENT ON COLUMN login_attempts.attempts IS '試行回数'",
    "COMMENT ON COLUMN login_attempts.window_started_at IS '集計開始時刻'",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE login_attempts")
    op.execute("DROP TABLE api_call_counts")
