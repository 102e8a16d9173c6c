"""Views for administrators: runs of maintenance, and how the database is (client §8.3, terminal §9.2).

`SystemHealth` is a view of one row; what there is several of, such as sizes of tables, are views of their own
that hang on it, so that one query asks for all of it and PostgreSQL finds only what is asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Float, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.backups import BackupRun
from models.base import EMPTY_ARRAY, Base, in_clear, time_default_now, to_many, to_one, uuid_key, view
from models.enums import MaintenanceOrigin, MaintenanceStatus
from models.retention import kept_from
from models.types import Choice, Json, no_json_null, one_of

COUNTED = 10_000
"""Rows of a queue that are counted at most."""


class MaintenanceRun(Base):
    """One run of maintenance: what it did, in which time, and what it could not do."""

    __tablename__ = "maintenance_runs"
    __table_args__ = (
        one_of("origin", MaintenanceOrigin, "chk_maintenance_runs_origin"),
        one_of("status", MaintenanceStatus, "chk_maintenance_runs_status"),
        no_json_null("steps", "chk_maintenance_runs_steps", "The steps are a list."),
        Index("idx_maintenance_runs_started", "started_at"),
        {
            "comment": "メンテナンス実行履歴",
            "info": kept_from("started_at", "maintenance_runs", "status <> 'running'"),
        },
    )

    id: Mapped[UUID] = uuid_key("実行ID (UUID)")
    origin: Mapped[MaintenanceOrigin] = mapped_column(
        Choice(MaintenanceOrigin), comment="起動元 (schedule/command)", doc="What began it."
    )
    status: Mapped[MaintenanceStatus] = mapped_column(
        Choice(MaintenanceStatus),
        comment="状態 (running/completed/failed/interrupted)",
        doc="How it stands, or how it ended.",
    )
    started_at: Mapped[datetime] = time_default_now("開始日時", "When it began.")
    finished_at: Mapped[datetime | None] = mapped_column(
        comment="終了日時",
        doc="When it ended; of an interrupted run, when the next one noticed; null while it runs.",
    )
    failed_steps: Mapped[int] = mapped_column(
        server_default=text("0"), comment="失敗したステップ数", doc="How many of its steps failed."
    )
    steps: Mapped[list[Any]] = mapped_column(
        Json,
        server_default=EMPTY_ARRAY,
        info=in_clear("the server writes it: names, numbers and sentences of its own"),
        comment="ステップごとの結果 (JSON)",
        doc="What each step did so far, in order: `step` (name), `seconds`, `done` (numbers by what was "
        "done), and `error` (why it failed and what becomes of it, or null).",
    )


class SystemHealth(Base):
    """How the database is, for administrators. Rows are estimates from statistics: nothing is counted."""

    __tablename__ = "system_health"
    __table_args__ = view("システム健全性", single=True, measured=True)

    id: Mapped[int | None] = mapped_column(
        primary_key=True, nullable=True, comment="基本キー", doc="Always 1."
    )
    measured_at: Mapped[datetime | None] = mapped_column(
        comment="測定日時", doc="When all of this was found."
    )
    database_bytes: Mapped[int | None] = mapped_column(
        BigInteger, comment="データベースサイズ (バイト)", doc="Size of the whole database on disk, in bytes."
    )
    connection_count: Mapped[int | None] = mapped_column(
        comment="接続数", doc="Connections to this database, those of ccgraph and of others."
    )
    replica_count: Mapped[int | None] = mapped_column(
        comment="レプリカ数", doc="Standby servers that receive from the server that answered."
    )
    replication_lag_seconds: Mapped[float | None] = mapped_column(
        Float(53),
        comment="レプリケーション遅延 (秒)",
        doc="How far the slowest replica is behind, in seconds; when a replica answered, itself. Null "
        "without one, and where the role of DATABASE_URL may not see it (`GRANT pg_monitor`).",
    )
    last_maintenance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("maintenance_runs.id"),
        comment="最新メンテナンスID",
        doc="Key of the latest run of maintenance; null before the first one.",
    )

    last_backup_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("backup_runs.id"),
        comment="最新バックアップID",
        doc="Key of the latest backup that is whole and still kept; null without one. `isVerified` tells "
        "whether it was read back.",
    )

    last_maintenance: Mapped[MaintenanceRun | None] = to_one(None, viewonly=True)
    last_backup: Mapped[BackupRun | None] = to_one(None, viewonly=True)
    tables: Mapped[list[TableSize]] = to_many("health")
    partitions: Mapped[list[TablePartition]] = to_many("health")
    queues: Mapped[list[SystemQueue]] = to_many("health")


def _health_id() -> Any:
    return mapped_column(
        ForeignKey("system_health.id"), comment="システム健全性の基本キー", doc="Always 1, the health's key."
    )


class TableSize(Base):
    """How much room a table takes, with its partitions, indexes and long values."""

    __tablename__ = "table_sizes"
    __table_args__ = view("テーブルサイズ", measured=True)

    table_name: Mapped[str | None] = mapped_column(
        primary_key=True, nullable=True, comment="テーブル名", doc="Name of the table in the database."
    )
    health_id: Mapped[int | None] = _health_id()
    total_bytes: Mapped[int | None] = mapped_column(
        BigInteger, comment="合計サイズ (バイト)", doc="Rows, long values and indexes, in bytes."
    )
    index_bytes: Mapped[int | None] = mapped_column(
        BigInteger, comment="インデックスサイズ (バイト)", doc="Indexes alone, in bytes."
    )
    estimated_rows: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="推定行数",
        doc="About how many rows it has, from PostgreSQL's statistics (reltuples): not counted.",
    )
    partition_count: Mapped[int | None] = mapped_column(
        comment="パーティション数", doc="How many partitions it has; 0 for a plain table."
    )

    health: Mapped[SystemHealth | None] = to_one("tables")


class TablePartition(Base):
    """One partition of a table: which time it holds, and how much."""

    __tablename__ = "table_partitions"
    __table_args__ = view("テーブルパーティション", measured=True)

    partition_name: Mapped[str | None] = mapped_column(
        primary_key=True, nullable=True, comment="パーティション名", doc="Name of the partition."
    )
    health_id: Mapped[int | None] = _health_id()
    table_name: Mapped[str | None] = mapped_column(
        comment="テーブル名", doc="Name of the table that it belongs to."
    )
    from_at: Mapped[datetime | None] = mapped_column(
        comment="開始日時", doc="Its first moment; null for the DEFAULT partition, which holds the rest."
    )
    until_at: Mapped[datetime | None] = mapped_column(
        comment="終了日時", doc="The first moment after it; null for the DEFAULT partition."
    )
    total_bytes: Mapped[int | None] = mapped_column(
        BigInteger, comment="合計サイズ (バイト)", doc="Rows, long values and indexes, in bytes."
    )
    estimated_rows: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="推定行数",
        doc="About how many rows it has, from PostgreSQL's statistics (reltuples): not counted.",
    )

    health: Mapped[SystemHealth | None] = to_one("partitions")


class SystemQueue(Base):
    """Work that waits for the server: notifications, the feed, what maintenance is to do next."""

    __tablename__ = "system_queues"
    __table_args__ = view("システムキュー", measured=True)

    queue_name: Mapped[str | None] = mapped_column(
        primary_key=True,
        nullable=True,
        comment="キュー名",
        doc="`notifications`, `websocket_notifications`, `feed`, or what maintenance does: "
        "`expired_partitions`, `archiving`, `worktree_cleanup`, `expired_claims`.",
    )
    health_id: Mapped[int | None] = _health_id()
    waiting: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="待ち件数",
        doc=f"How many wait, counted up to {COUNTED:,}; of the feed, an estimate from statistics.",
    )
    failed: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="失敗件数",
        doc=f"How many failed in the last 24 hours, counted up to {COUNTED:,}; null where nothing can fail.",
    )
    oldest_at: Mapped[datetime | None] = mapped_column(
        comment="最古の待ち日時", doc="Since when the first of them has waited; null where none does."
    )

    health: Mapped[SystemHealth | None] = to_one("queues")


def _queue(name: str, time: str, waiting: str, failed: str = "NULL::bigint") -> str:
    return f"""SELECT
    '{name}'::text AS queue_name,
    1 AS health_id,
    COUNT(*) AS waiting,
    {failed} AS failed,
    MIN(since) AS oldest_at
FROM (SELECT {time} AS since FROM {waiting} LIMIT {COUNTED}) AS waiting"""


_FAILED = (
    "(SELECT COUNT(*) FROM (SELECT FROM {table} WHERE {status} AND {time} > now() - INTERVAL '1 day'"
    f" LIMIT {COUNTED}) AS failed)"
)

VIEWS = {
    "system_health": """
CREATE OR REPLACE VIEW system_health AS
SELECT
    1 AS id,
    now() AS measured_at,
    pg_database_size(current_database()) AS database_bytes,
    (SELECT COUNT(*)::integer FROM pg_stat_activity WHERE datname = current_database()) AS connection_count,
    (SELECT COUNT(*)::integer FROM pg_stat_replication) AS replica_count,
    CASE
        WHEN NOT pg_is_in_recovery() THEN (
            SELECT MAX(EXTRACT(EPOCH FROM COALESCE(replay_lag, INTERVAL '0'))) FROM pg_stat_replication
            WHERE replay_lsn IS NOT NULL)
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::double precision AS replication_lag_seconds,
    (SELECT id FROM maintenance_runs ORDER BY started_at DESC LIMIT 1) AS last_maintenance_id,
    (SELECT id FROM backup_runs WHERE status = 'completed' AND removed_at IS NULL
        ORDER BY started_at DESC LIMIT 1) AS last_backup_id
""",
    "table_sizes": """
CREATE OR REPLACE VIEW table_sizes AS
SELECT
    whole.relname::text AS table_name,
    1 AS health_id,
    SUM(pg_total_relation_size(part.oid))::bigint AS total_bytes,
    SUM(pg_indexes_size(part.oid))::bigint AS index_bytes,
    SUM(GREATEST(part.reltuples, 0))::bigint AS estimated_rows,
    COUNT(*) FILTER (WHERE part.relispartition)::integer AS partition_count
FROM pg_class AS whole
    LEFT JOIN pg_inherits ON inhparent = whole.oid
    JOIN pg_class AS part ON part.oid = COALESCE(inhrelid, whole.oid)
WHERE whole.relnamespace = 'public'::regnamespace AND whole.relkind IN ('r', 'p') AND NOT whole.relispartition
GROUP BY whole.oid, whole.relname
""",
    "table_partitions": """
CREATE OR REPLACE VIEW table_partitions AS
SELECT
    part.relname::text AS partition_name,
    1 AS health_id,
    whole.relname::text AS table_name,
    substring(bound FROM 'FROM \\(''([^'']*)''\\)')::timestamptz AS from_at,
    substring(bound FROM 'TO \\(''([^'']*)''\\)')::timestamptz AS until_at,
    pg_total_relation_size(part.oid) AS total_bytes,
    GREATEST(part.reltuples, 0)::bigint AS estimated_rows
FROM pg_inherits
    JOIN pg_class AS whole ON whole.oid = inhparent
    JOIN pg_class AS part ON part.oid = inhrelid,
    LATERAL pg_get_expr(part.relpartbound, part.oid) AS bound
WHERE whole.relnamespace = 'public'::regnamespace AND whole.relkind = 'p' AND part.relkind = 'r'
""",
    "system_queues": "\nCREATE OR REPLACE VIEW system_queues AS\n"
    + "\nUNION ALL\n".join(
        (
            _queue(
                "notifications",
                "COALESCE(scheduled_at, created_at)",
                "notification_history WHERE status = 'pending'"
                " AND COALESCE(scheduled_at, created_at) <= now()",
                _FAILED.format(table="notification_history", status="status = 'failed'", time="created_at"),
            ),
            _queue(
                "websocket_notifications",
                "sent_at",
                "websocket_notifications WHERE delivery_status = 'sent' AND first_sent_at IS NOT NULL",
                _FAILED.format(
                    table="websocket_notifications", status="delivery_status = 'failed'", time="sent_at"
                ),
            ),
            """SELECT
    'feed'::text AS queue_name,
    1 AS health_id,
    SUM(GREATEST(reltuples, 0))::bigint AS waiting,
    NULL::bigint AS failed,
    NULL::timestamptz AS oldest_at
FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE inhparent = 'change_events'::regclass""",
            _queue("expired_partitions", "until_at", "ccgraph_expired_partitions(now())"),
            _queue(
                "archiving",
                "archived_at",
                "projects WHERE status = 'archived' AND archived_at"
                " < now() - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days')",
            ),
            _queue(
                "worktree_cleanup",
                "cleanup_scheduled_at",
                "git_worktrees WHERE cleanup_scheduled_at <= now() AND cleanup_completed_at IS NULL",
            ),
            _queue(
                "expired_claims",
                "lease_expires_at",
                "tasks WHERE status = 'RUNNING' AND lease_expires_at < now()",
            ),
        )
    )
    + "\n",
}
