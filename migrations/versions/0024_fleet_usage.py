"""Keeps what Claude Code uses of its models, the permissions it asks for, and what each instance does now."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FEED_OF_REQUESTS = """
CREATE OR REPLACE FUNCTION ccgraph_feed_cc_permission_requests() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.user_id, OLD.tool_name, OLD.held_until, OLD.decision, OLD.answered_by) IS DISTINCT FROM (NEW.user_id, NEW.tool_name, NEW.held_until, NEW.decision, NEW.answered_by) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
            VALUES ('cc_permission_requests', 'UPDATE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('user_id', OLD.user_id, 'tool_name', OLD.tool_name, 'held_until', OLD.held_until, 'decision', OLD.decision, 'answered_by', OLD.answered_by),
                jsonb_build_object('user_id', NEW.user_id, 'tool_name', NEW.tool_name, 'held_until', NEW.held_until, 'decision', NEW.decision, 'answered_by', NEW.answered_by), NEW.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = NEW.cc_instance_id), NEW.user_id, NEW.cc_instance_id, NULL);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_permission_requests', 'INSERT', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('user_id', changed.user_id, 'tool_name', changed.tool_name, 'held_until', changed.held_until, 'decision', changed.decision, 'answered_by', changed.answered_by), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = changed.cc_instance_id), changed.user_id, changed.cc_instance_id, NULL
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_permission_requests', 'DELETE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('user_id', changed.user_id, 'tool_name', changed.tool_name, 'held_until', changed.held_until, 'decision', changed.decision, 'answered_by', changed.answered_by), changed.id::text, (SELECT project_id FROM cc_instances WHERE cc_instances.id = changed.cc_instance_id), changed.user_id, changed.cc_instance_id, NULL
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

TRIGGERS_OF_REQUESTS = (
    "CREATE TRIGGER tr_cc_permission_requests_feed AFTER INSERT ON cc_permission_requests "
    "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_cc_permission_requests()",
    "CREATE TRIGGER tr_cc_permission_requests_feed_delete AFTER DELETE ON cc_permission_requests "
    "REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_feed_cc_permission_requests()",
    "CREATE TRIGGER tr_cc_permission_requests_feed_update AFTER UPDATE OF user_id, tool_name, held_until, decision, answered_by ON cc_permission_requests "
    "FOR EACH ROW EXECUTE FUNCTION ccgraph_feed_cc_permission_requests()",
)

FEED_OF_INSTANCES = """
CREATE OR REPLACE FUNCTION ccgraph_feed_cc_instances() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.project_id, OLD.name, OLD.type, OLD.status, OLD.parent_instance_id, OLD.exit_code, OLD.activity, OLD.activity_since) IS DISTINCT FROM (NEW.project_id, NEW.name, NEW.type, NEW.status, NEW.parent_instance_id, NEW.exit_code, NEW.activity, NEW.activity_since) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
            VALUES ('cc_instances', 'UPDATE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', OLD.project_id, 'name', OLD.name, 'type', OLD.type, 'status', OLD.status, 'parent_instance_id', OLD.parent_instance_id, 'exit_code', OLD.exit_code, 'activity', OLD.activity, 'activity_since', OLD.activity_since),
                jsonb_build_object('project_id', NEW.project_id, 'name', NEW.name, 'type', NEW.type, 'status', NEW.status, 'parent_instance_id', NEW.parent_instance_id, 'exit_code', NEW.exit_code, 'activity', NEW.activity, 'activity_since', NEW.activity_since), NEW.id::text, NEW.project_id, NULL, NEW.id, NULL);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'INSERT', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code, 'activity', changed.activity, 'activity_since', changed.activity_since), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'DELETE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code, 'activity', changed.activity, 'activity_since', changed.activity_since), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

TRIGGER_OF_INSTANCES = """
CREATE TRIGGER tr_cc_instances_feed_update AFTER UPDATE OF project_id, name, type, status, parent_instance_id, exit_code, activity, activity_since
ON cc_instances FOR EACH ROW EXECUTE FUNCTION ccgraph_feed_cc_instances()
"""

PREVIOUS_FEED_OF_INSTANCES = """
CREATE OR REPLACE FUNCTION ccgraph_feed_cc_instances() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.project_id, OLD.name, OLD.type, OLD.status, OLD.parent_instance_id, OLD.exit_code) IS DISTINCT FROM (NEW.project_id, NEW.name, NEW.type, NEW.status, NEW.parent_instance_id, NEW.exit_code) THEN
            INSERT INTO change_events (table_name, op, actor_id, old, new, row_key, project_id, user_id, instance_id, socket_id)
            VALUES ('cc_instances', 'UPDATE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', OLD.project_id, 'name', OLD.name, 'type', OLD.type, 'status', OLD.status, 'parent_instance_id', OLD.parent_instance_id, 'exit_code', OLD.exit_code),
                jsonb_build_object('project_id', NEW.project_id, 'name', NEW.name, 'type', NEW.type, 'status', NEW.status, 'parent_instance_id', NEW.parent_instance_id, 'exit_code', NEW.exit_code), NEW.id::text, NEW.project_id, NULL, NEW.id, NULL);
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'INSERT', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, row_key, project_id, user_id, instance_id, socket_id)
        SELECT 'cc_instances', 'DELETE', NULLIF(current_setting('ccgraph.actor_id', true), '')::integer, jsonb_build_object('project_id', changed.project_id, 'name', changed.name, 'type', changed.type, 'status', changed.status, 'parent_instance_id', changed.parent_instance_id, 'exit_code', changed.exit_code), changed.id::text, changed.project_id, NULL, changed.id, NULL
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

PREVIOUS_TRIGGER_OF_INSTANCES = """
CREATE TRIGGER tr_cc_instances_feed_update AFTER UPDATE OF project_id, name, type, status, parent_instance_id, exit_code
ON cc_instances FOR EACH ROW EXECUTE FUNCTION ccgraph_feed_cc_instances()
"""

SETTINGS = (
    (
        "retention.cc_usage_days",
        "400",
        "number",
        "retention",
        "Days that the usage of models is kept.",
    ),
    (
        "retention.cc_permission_requests_days",
        "90",
        "number",
        "retention",
        "Days that requests for a permission are kept.",
    ),
    (
        "usage.model_prices",
        """[
    {"model": "*claude-opus-4-1*", "input": 15000000, "output": 75000000, "cache_read": 1500000,
     "cache_creation_5m": 18750000, "cache_creation_1h": 30000000},
    {"model": "*claude-opus-4-20*", "input": 15000000, "output": 75000000, "cache_read": 1500000,
     "cache_creation_5m": 18750000, "cache_creation_1h": 30000000},
    {"model": "*claude-opus-4-0*", "input": 15000000, "output": 75000000, "cache_read": 1500000,
     "cache_creation_5m": 18750000, "cache_creation_1h": 30000000},
    {"model": "*claude-3-opus*", "input": 15000000, "output": 75000000, "cache_read": 1500000,
     "cache_creation_5m": 18750000, "cache_creation_1h": 30000000},
    {"model": "*claude-opus-*", "input": 5000000, "output": 25000000, "cache_read": 500000,
     "cache_creation_5m": 6250000, "cache_creation_1h": 10000000},
    {"model": "*claude-*sonnet*", "input": 3000000, "output": 15000000, "cache_read": 300000,
     "cache_creation_5m": 3750000, "cache_creation_1h": 6000000},
    {"model": "*claude-3-5-haiku*", "input": 800000, "output": 4000000, "cache_read": 80000,
     "cache_creation_5m": 1000000, "cache_creation_1h": 1600000},
    {"model": "*claude-3-haiku*", "input": 250000, "output": 1250000, "cache_read": 30000,
     "cache_creation_5m": 300000, "cache_creation_1h": 500000},
    {"model": "*claude-haiku-*", "input": 1000000, "output": 5000000, "cache_read": 100000,
     "cache_creation_5m": 1250000, "cache_creation_1h": 2000000}
]""",
        "array",
        "usage",
        "Prices of models in millionths of a US dollar for a million tokens, by which a cost that no telemetry tells is estimated; the first pattern that fits a name counts.",
    ),
)


def _tokens(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False, comment=comment)


def _key(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"{table}_{column}_fkey", ondelete=on_delete)


def upgrade() -> None:
    """Make both tables and the columns of others, with their events, retention and prices."""
    _make_usage()
    _widen_projects()
    _make_permission_requests()
    _widen_instances()
    for setting in SETTINGS:
        op.get_bind().execute(
            sa.text(
                "INSERT INTO system_settings (setting_key, setting_value, data_type, category, description)"
                " VALUES (:key, CAST(:value AS jsonb), :data_type, :category, :description)"
                " ON CONFLICT (setting_key) DO NOTHING"
            ),
            dict(zip(("key", "value", "data_type", "category", "description"), setting, strict=True)),
        )


def _make_usage() -> None:
    op.create_table(
        "cc_usage",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("ccgraph_uuid7()"),
            nullable=False,
            comment="使用量ID (UUID)",
        ),
        sa.Column("cc_instance_id", sa.Uuid(), comment="CCインスタンスID"),
        sa.Column("session_id", sa.Uuid(), comment="セッションID (UUID)"),
        sa.Column("project_id", sa.Uuid(), comment="プロジェクトID (UUID)"),
        sa.Column("user_id", sa.Integer(), comment="ユーザーID"),
        sa.Column("request_id", sa.String(200), comment="要求ID"),
        sa.Column("model", sa.String(200), comment="モデル名"),
        sa.Column("asked_by", sa.Text(), comment="要求元 (main/subagent/auxiliary)"),
        _tokens("input_tokens", "入力トークン数"),
        _tokens("output_tokens", "出力トークン数"),
        _tokens("cache_read_tokens", "キャッシュ読み取りトークン数"),
        _tokens("cache_creation_tokens", "キャッシュ作成トークン数"),
        _tokens("cache_creation_5m_tokens", "キャッシュ作成トークン数 (5分)"),
        _tokens("cache_creation_1h_tokens", "キャッシュ作成トークン数 (1時間)"),
        sa.Column("cost_micro_usd", sa.BigInteger(), comment="費用 (100万分の1米ドル)"),
        sa.Column(
            "cost_is_estimated",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="費用が推定値か",
        ),
        sa.Column("duration_ms", sa.Integer(), comment="所要時間（ミリ秒）"),
        sa.Column("time_to_first_token_ms", sa.Integer(), comment="最初のトークンまでの時間（ミリ秒）"),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, comment="要求日時"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="作成日時",
        ),
        sa.PrimaryKeyConstraint("id", name="cc_usage_pkey"),
        _key("cc_usage", "cc_instance_id", "cc_instances.id", "SET NULL"),
        _key("cc_usage", "session_id", "sessions.session_id", "SET NULL"),
        _key("cc_usage", "project_id", "projects.project_id", "SET NULL"),
        _key("cc_usage", "user_id", "users.id", "SET NULL"),
        sa.CheckConstraint("asked_by IN ('main', 'subagent', 'auxiliary')", name="chk_cc_usage_asked_by"),
        sa.CheckConstraint(
            "input_tokens >= 0 AND output_tokens >= 0 AND cache_read_tokens >= 0"
            " AND cache_creation_tokens >= 0 AND cache_creation_5m_tokens >= 0"
            " AND cache_creation_1h_tokens >= 0",
            name="chk_cc_usage_tokens",
        ),
        sa.CheckConstraint("cost_micro_usd >= 0", name="chk_cc_usage_cost"),
        sa.CheckConstraint("duration_ms >= 0 AND time_to_first_token_ms >= 0", name="chk_cc_usage_times"),
        comment="モデル要求ごとのトークン使用量と費用",
    )
    for name, columns in (
        ("idx_cc_usage_instance_requested", ["cc_instance_id", "requested_at"]),
        ("idx_cc_usage_session", ["session_id"]),
        ("idx_cc_usage_project_requested", ["project_id", "requested_at"]),
        ("idx_cc_usage_user_requested", ["user_id", "requested_at"]),
        ("idx_cc_usage_requested", ["requested_at", "id"]),
    ):
        op.create_index(name, "cc_usage", columns)


def _make_permission_requests() -> None:
    table = "cc_permission_requests"
    op.create_table(
        table,
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("ccgraph_uuid7()"),
            nullable=False,
            comment="許可要求ID (UUID)",
        ),
        sa.Column("cc_instance_id", sa.Uuid(), nullable=False, comment="CCインスタンスID"),
        sa.Column("session_id", sa.Uuid(), comment="セッションID (UUID)"),
        sa.Column("user_id", sa.Integer(), comment="ユーザーID"),
        sa.Column("tool_name", sa.String(200), nullable=False, comment="ツール名"),
        sa.Column("tool_input", JSONB(), comment="ツール入力 (JSON)"),
        sa.Column("suggestions", JSONB(), comment="許可の提案 (JSON)"),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="要求日時",
        ),
        sa.Column("held_until", sa.DateTime(timezone=True), comment="保留期限"),
        sa.Column("answered_at", sa.DateTime(timezone=True), comment="回答日時"),
        sa.Column("answered_by", sa.Integer(), comment="回答者ユーザーID"),
        sa.Column("decision", sa.Text(), comment="回答 (allow/deny/lapsed)"),
        sa.Column("message", sa.Text(), comment="回答メッセージ"),
        sa.Column("waited_ms", sa.BigInteger(), comment="待ち時間（ミリ秒）"),
        sa.PrimaryKeyConstraint("id", name="cc_permission_requests_pkey"),
        _key(table, "cc_instance_id", "cc_instances.id", "CASCADE"),
        _key(table, "session_id", "sessions.session_id", "SET NULL"),
        _key(table, "user_id", "users.id", "SET NULL"),
        _key(table, "answered_by", "users.id", "SET NULL"),
        sa.CheckConstraint(
            "decision IN ('allow', 'deny', 'lapsed')", name="chk_cc_permission_requests_decision"
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (answered_at IS NULL)", name="chk_cc_permission_requests_answered"
        ),
        comment="ツール使用の許可要求と回答",
    )
    for name, columns in (
        ("idx_cc_permission_requests_instance_asked", ["cc_instance_id", "asked_at"]),
        ("idx_cc_permission_requests_session", ["session_id"]),
        ("idx_cc_permission_requests_user", ["user_id"]),
        ("idx_cc_permission_requests_answered_by", ["answered_by"]),
        ("idx_cc_permission_requests_asked", ["asked_at", "id"]),
    ):
        op.create_index(name, table, columns)
    op.create_index(
        "idx_cc_permission_requests_open",
        table,
        ["cc_instance_id"],
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.execute(FEED_OF_REQUESTS)
    for trigger in TRIGGERS_OF_REQUESTS:
        op.execute(trigger)


def _widen_projects() -> None:
    for table, default in (("projects", sa.text("false")), ("projects_archive", None)):
        op.add_column(
            table,
            sa.Column(
                "hold_permission_requests",
                sa.Boolean(),
                server_default=default,
                comment="許可要求を保留して回答を待つか",
            ),
        )
    op.create_index(
        "idx_projects_holding",
        "projects",
        ["owner_id"],
        postgresql_where=sa.text("hold_permission_requests"),
    )


def _widen_instances() -> None:
    for column in (
        sa.Column(
            "activity",
            sa.Text(),
            comment="現在の活動 (WORKING/WAITING_PERMISSION/WAITING_ANSWER/IDLE/BACKGROUND/RETRYING/GONE)",
        ),
        sa.Column("activity_since", sa.DateTime(timezone=True), comment="現在の活動の開始時刻"),
        sa.Column("activity_detail", sa.Text(), comment="現在の活動の詳細"),
        sa.Column("model", sa.String(200), comment="モデル名"),
        sa.Column("last_message", sa.Text(), comment="最後のメッセージ"),
        sa.Column("context_used_percent", sa.Integer(), comment="コンテキスト使用率 (%)"),
    ):
        op.add_column("cc_instances", column)
    for name, condition in (
        (
            "chk_cc_instances_activity",
            "activity IN ('WORKING', 'WAITING_PERMISSION', 'WAITING_ANSWER', 'IDLE', 'BACKGROUND',"
            " 'RETRYING', 'GONE')",
        ),
        ("chk_cc_instances_gone", "activity <> 'GONE' OR status = 'STOPPED'"),
        ("chk_cc_instances_context_used_percent", "context_used_percent BETWEEN 0 AND 100"),
    ):
        op.create_check_constraint(name, "cc_instances", condition)
    op.create_index(
        "idx_cc_instances_activity",
        "cc_instances",
        ["activity", "activity_since"],
        postgresql_where=sa.text("activity IS NOT NULL"),
    )
    op.execute(FEED_OF_INSTANCES)
    op.execute("DROP TRIGGER tr_cc_instances_feed_update ON cc_instances")
    op.execute(TRIGGER_OF_INSTANCES)


def downgrade() -> None:
    """Drop both tables and the columns; what was used and asked is lost."""
    op.execute("DROP TRIGGER tr_cc_instances_feed_update ON cc_instances")
    op.execute(PREVIOUS_FEED_OF_INSTANCES)
    op.execute(PREVIOUS_TRIGGER_OF_INSTANCES)
    for column in (
        "context_used_percent",
        "last_message",
        "model",
        "activity_detail",
        "activity_since",
        "activity",
    ):
        op.drop_column("cc_instances", column)
    for table in ("projects_archive", "projects"):
        op.drop_column(table, "hold_permission_requests")
    op.drop_table("cc_permission_requests")
    op.execute("DROP FUNCTION ccgraph_feed_cc_permission_requests()")
    op.drop_table("cc_usage")
    op.get_bind().execute(
        sa.text("DELETE FROM system_settings WHERE setting_key = ANY(:keys)"),
        {"keys": [setting[0] for setting in SETTINGS]},
    )
