"""Raw records of Claude Code, as they were received, until they are digested and past their retention.

These are tables without a mapped class: nothing of them is part of the API. Each row belongs to one person,
and the endpoints of app/ingest show a person their own.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.base import Base
from models.enums import IngestSource
from models.retention import kept_from
from models.types import Choice, one_of

MOST_ATTEMPTS: Final = 3
"""How often a record is tried by itself before it is left with its error."""

URGENT: Final = "source IN ('hook', 'processes')"
"""Records that tell what happens now: they are digested before those that tell what has happened."""

WAITING: Final = f"digested_at IS NULL AND attempts < {MOST_ATTEMPTS}"
"""Records that are still to be digested."""

LONGEST_EVENT: Final = 60
LONGEST_SESSION: Final = 100
LONGEST_FILE: Final = 1_000


def _person(*, primary_key: bool = False) -> "Column[int]":
    return Column(
        "user_id",
        Integer,
        ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
        comment="ユーザーID",
        doc="Key of the person whose token it came with.",
        primary_key=primary_key,
    )


def _source(*, primary_key: bool = False) -> "Column[IngestSource]":
    return Column(
        "source",
        Choice(IngestSource, 20),
        nullable=False,
        comment="受信経路 (hook/transcript/logs/metrics/traces/processes)",
        doc="By which way it came.",
        primary_key=primary_key,
    )


ingest_records = Table(
    "ingest_records",
    Base.metadata,
    Column(
        "id", BigInteger, Identity(always=False), primary_key=True, comment="基本キー", doc="Key of the row."
    ),
    _person(),
    Column("token_id", Uuid(), comment="トークンID (UUID)", doc="Id of the token that it came with."),
    _source(),
    Column(
        "session_key",
        String(LONGEST_SESSION),
        comment="Claude CodeのセッションID",
        doc="Session that it tells of, as Claude Code calls it; the first one where there are several.",
    ),
    Column("event", String(LONGEST_EVENT), comment="フックイベント名", doc="Name of the event of a hook."),
    Column(
        "told_at",
        DateTime(timezone=True),
        comment="送信側が記録した発生日時",
        doc="When it happened by the clock of the client, for what it had to keep for a while.",
    ),
    Column(
        "body", JSONB, nullable=False, comment="受信内容 (JSON)", doc="What was told, with secrets masked."
    ),
    Column(
        "size_bytes",
        Integer,
        nullable=False,
        comment="サイズ (バイト)",
        doc="Length of the body as JSON text.",
    ),
    Column("digested_at", DateTime(timezone=True), comment="取込完了日時", doc="When rows were made of it."),
    Column(
        "attempts",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="取込失敗回数",
        doc="How often it could not be digested by itself.",
    ),
    Column(
        "error",
        Text,
        comment="取込エラー内容",
        doc="Why it could not be digested, or what in it could not be read.",
    ),
    Column(
        "created_at",
        DateTime(timezone=True),
        primary_key=True,
        server_default=func.now(),
        comment="受信日時",
        doc="When it was received.",
    ),
    one_of("source", IngestSource, "chk_ingest_records_source"),
    Index("idx_ingest_records_urgent", "user_id", "id", postgresql_where=text(f"{WAITING} AND {URGENT}")),
    Index(
        "idx_ingest_records_waiting", "user_id", "id", postgresql_where=text(f"{WAITING} AND NOT {URGENT}")
    ),
    Index(
        "idx_ingest_records_failed",
        "user_id",
        "created_at",
        postgresql_where=text("digested_at IS NULL AND error IS NOT NULL"),
    ),
    Index("idx_ingest_records_user_created", "user_id", "created_at"),
    Index("idx_ingest_records_created_at", "created_at"),
    comment="Claude Codeからの受信記録 (取込前)",
    postgresql_partition_by="RANGE (created_at)",
)
"""What was received, in the order in which it came."""

ingest_seen = Table(
    "ingest_seen",
    Base.metadata,
    _person(primary_key=True),
    _source(primary_key=True),
    Column(
        "event",
        String(LONGEST_EVENT),
        primary_key=True,
        comment="フックイベント名",
        doc="Name of the event of a hook; empty for other sources.",
    ),
    Column("received", BigInteger, nullable=False, comment="受信件数", doc="How many were received so far."),
    Column("refused", BigInteger, nullable=False, comment="拒否件数", doc="How many could not be read."),
    Column(
        "last_at", DateTime(timezone=True), nullable=False, comment="最終受信日時", doc="When one last came."
    ),
    Column(
        "clock_skew_ms",
        BigInteger,
        comment="送信側の時計のずれ (ミリ秒)",
        doc="By how much the client's clock was ahead, or behind where negative, when it last showed.",
    ),
    one_of("source", IngestSource, "chk_ingest_seen_source"),
    comment="受信状況 (ユーザー・経路・イベント毎)",
    # A row is updated with each request; free space lets PostgreSQL do it in place.
    postgresql_with={"fillfactor": 50},
)
"""What has come of each person so far, by source and event: `ccgraph doctor` reads it."""

ingest_files = Table(
    "ingest_files",
    Base.metadata,
    _person(primary_key=True),
    Column(
        "file",
        String(LONGEST_FILE),
        primary_key=True,
        comment="トランスクリプトの相対パス",
        doc="Path of a transcript below the projects folder.",
    ),
    Column(
        "known_bytes",
        BigInteger,
        nullable=False,
        comment="受信済みバイト数",
        doc="How many bytes from its start have been received without a gap.",
    ),
    Column(
        "last_at",
        DateTime(timezone=True),
        nullable=False,
        comment="最終受信日時",
        doc="When lines last came.",
    ),
    comment="トランスクリプトの受信位置",
    info=kept_from("last_at", "ingest_files"),
    postgresql_with={"fillfactor": 50},
)
"""How far each transcript is known, so that who follows it resumes there."""

ingest_counts = Table(
    "ingest_counts",
    Base.metadata,
    _person(primary_key=True),
    Column(
        "hour",
        DateTime(timezone=True),
        primary_key=True,
        comment="集計時間帯 (UTCの毎時0分)",
        doc="Start of the hour that is counted.",
    ),
    Column(
        "records",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="受信レコード数",
        doc="Records taken in this hour.",
    ),
    Column(
        "bytes",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="受信バイト数",
        doc="Bytes taken in this hour.",
    ),
    comment="1時間毎の受信量",
    postgresql_with={"fillfactor": 50},
)
"""The budgets of ingest are held against these rows, as calls are against api_call_counts (decision 23)."""
