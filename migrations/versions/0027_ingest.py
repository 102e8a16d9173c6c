"""Keeps what Claude Code tells until it is digested, and tokens that can do nothing but hand it in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

SOURCES = "source IN ('hook', 'transcript', 'logs', 'metrics', 'traces', 'processes')"
WAITING = "digested_at IS NULL AND attempts < 3"
URGENT = "source IN ('hook', 'processes')"

PARTITIONED = "'notification_history', 'file_operations'"
SPREAD = "'notification_history', 'file_operations',\n                'ingest_records'"
PARTITIONED_IDS = "'notification_history'::regclass, 'file_operations'::regclass"
SPREAD_IDS = "'notification_history'::regclass, 'file_operations'::regclass,\n                'ingest_records'::regclass"
LISTING = """
SELECT pg_get_functiondef(oid) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND proname <> 'ccgraph_create_partition'
ORDER BY proname
"""
CLEAN = """    DELETE FROM file_operations
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.file_operations_days');
"""
CLEAN_ALL = (
    CLEAN
    + """    DELETE FROM ingest_records
        WHERE created_at < NOW() - INTERVAL '1 day' * ccgraph_setting('retention.ingest_records_days');
"""
)


def _person(name: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    return (
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False, comment="ユーザーID"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"{name}_user_id_fkey", ondelete="CASCADE"),
    )


def _source() -> sa.Column[str]:
    return sa.Column(
        "source",
        sa.String(20),
        nullable=False,
        comment="受信経路 (hook/transcript/logs/metrics/traces/processes)",
    )


def _replace(changes: dict[str, str]) -> None:
    """Replace texts in the functions that list what is partitioned, or clean it up."""
    connection = op.get_bind()
    for definition in connection.execute(sa.text(LISTING)).scalars().all():
        changed = definition
        for before, after in changes.items():
            changed = changed.replace(before, after)
        if changed != definition:
            connection.exec_driver_sql(changed)


def upgrade() -> None:
    """Make the tables and let maintenance know the partitioned one. Tokens are read once, to check their type."""
    op.execute("ALTER TABLE auth_tokens DROP CONSTRAINT chk_token_type")
    op.execute(
        "ALTER TABLE auth_tokens ADD CONSTRAINT chk_token_type "
        "CHECK (token_type IN ('access', 'refresh', 'ingest'))"
    )
    op.execute("COMMENT ON COLUMN auth_tokens.token_type IS 'トークン種別 (access, refresh, ingest)'")
    op.create_table(
        "ingest_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="基本キー"),
        *_person("ingest_records"),
        sa.Column("token_id", sa.Uuid(), comment="トークンID (UUID)"),
        _source(),
        sa.Column("session_key", sa.String(100), comment="Claude CodeのセッションID"),
        sa.Column("event", sa.String(60), comment="フックイベント名"),
        sa.Column("told_at", sa.DateTime(timezone=True), comment="送信側が記録した発生日時"),
        sa.Column("body", JSONB(), nullable=False, comment="受信内容 (JSON)"),
        sa.Column("size_bytes", sa.Integer(), nullable=False, comment="サイズ (バイト)"),
        sa.Column("digested_at", sa.DateTime(timezone=True), comment="取込完了日時"),
        sa.Column(
            "attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="取込失敗回数"
        ),
        sa.Column("error", sa.Text(), comment="取込エラー内容"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="受信日時",
        ),
        sa.PrimaryKeyConstraint("id", "created_at", name="ingest_records_pkey"),
        sa.CheckConstraint(SOURCES, name="chk_ingest_records_source"),
        comment="Claude Codeからの受信記録 (取込前)",
        postgresql_partition_by="RANGE (created_at)",
    )
    op.execute(
        "CREATE TABLE ingest_records_default "
        "(LIKE ingest_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)"
    )
    op.execute("COMMENT ON TABLE ingest_records_default IS 'Claude Codeからの受信記録 (取込前)'")
    op.execute("ALTER TABLE ingest_records ATTACH PARTITION ingest_records_default DEFAULT")
    for name, columns, condition in (
        ("urgent", "user_id, id", f"{WAITING} AND {URGENT}"),
        ("waiting", "user_id, id", f"{WAITING} AND NOT {URGENT}"),
        ("failed", "user_id, created_at", "digested_at IS NULL AND error IS NOT NULL"),
    ):
        op.execute(f"CREATE INDEX idx_ingest_records_{name} ON ingest_records ({columns}) WHERE {condition}")
    op.create_index("idx_ingest_records_user_created", "ingest_records", ["user_id", "created_at"])
    op.create_index("idx_ingest_records_created_at", "ingest_records", ["created_at"])
    op.create_table(
        "ingest_seen",
        *_person("ingest_seen"),
        _source(),
        sa.Column("event", sa.String(60), nullable=False, comment="フックイベント名"),
        sa.Column("received", sa.BigInteger(), nullable=False, comment="受信件数"),
        sa.Column("refused", sa.BigInteger(), nullable=False, comment="拒否件数"),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False, comment="最終受信日時"),
        sa.Column("clock_skew_ms", sa.BigInteger(), comment="送信側の時計のずれ (ミリ秒)"),
        sa.PrimaryKeyConstraint("user_id", "source", "event", name="ingest_seen_pkey"),
        sa.CheckConstraint(SOURCES, name="chk_ingest_seen_source"),
        comment="受信状況 (ユーザー・経路・イベント毎)",
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "ingest_files",
        *_person("ingest_files"),
        sa.Column("file", sa.String(1000), nullable=False, comment="トランスクリプトの相対パス"),
        sa.Column("known_bytes", sa.BigInteger(), nullable=False, comment="受信済みバイト数"),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False, comment="最終受信日時"),
        sa.PrimaryKeyConstraint("user_id", "file", name="ingest_files_pkey"),
        comment="トランスクリプトの受信位置",
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "ingest_counts",
        *_person("ingest_counts"),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="集計時間帯 (UTCの毎時0分)"),
        sa.Column(
            "records", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="受信レコード数"
        ),
        sa.Column(
            "bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="受信バイト数"
        ),
        sa.PrimaryKeyConstraint("user_id", "hour", name="ingest_counts_pkey"),
        comment="1時間毎の受信量",
        postgresql_with={"fillfactor": 50},
    )
    op.execute(
        "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description) "
        "VALUES ('retention.ingest_records_days', '7', 'number', 'retention', "
        "'Days that what Claude Code has told is kept as it was received.'), "
        "('retention.ingest_files_days', '90', 'number', 'retention', "
        "'Days after its last lines that it is known how far a transcript has come.') "
        "ON CONFLICT (setting_key) DO NOTHING"
    )
    _replace({PARTITIONED: SPREAD, PARTITIONED_IDS: SPREAD_IDS, CLEAN: CLEAN_ALL})
    op.execute("SELECT ccgraph_create_partitions()")


def downgrade() -> None:
    """Drop them with what they hold; tokens that can only ingest are of no use any more."""
    _replace({SPREAD: PARTITIONED, SPREAD_IDS: PARTITIONED_IDS, CLEAN_ALL: CLEAN})
    op.execute("DELETE FROM system_settings WHERE setting_key LIKE 'retention.ingest_%_days'")
    for name in ("counts", "files", "seen", "records"):
        op.drop_table(f"ingest_{name}")
    op.execute("COMMENT ON COLUMN auth_tokens.token_type IS 'トークン種別 (access, refresh)'")
    op.execute("DELETE FROM auth_tokens WHERE token_type = 'ingest'")
    op.execute("ALTER TABLE auth_tokens DROP CONSTRAINT chk_token_type")
    op.execute(
        "ALTER TABLE auth_tokens ADD CONSTRAINT chk_token_type CHECK (token_type IN ('access', 'refresh'))"
    )
