"""Counters for the server's own protection: calls of an account, attempts to log in.

These are tables without a mapped class: nothing of them is part of the API.
"""

from sqlalchemy import Column, DateTime, ForeignKey, Integer, LargeBinary, Table

from models.base import Base

api_call_counts = Table(
    "api_call_counts",
    Base.metadata,
    Column(
        "user_id",
        Integer,
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        comment="ユーザーID",
        doc="Key of the person.",
    ),
    Column(
        "hour",
        DateTime(timezone=True),
        primary_key=True,
        comment="集計時間帯 (UTCの毎時0分)",
        doc="Start of the hour that is counted.",
    ),
    Column("calls", Integer, nullable=False, comment="API呼び出し回数", doc="Calls taken in this hour."),
    comment="1時間毎のAPI呼び出し回数",
    # A row is updated many times within its hour; free space lets PostgreSQL do it in place.
    postgresql_with={"fillfactor": 50},
)
"""users.resource_quota.api_calls_per_hour is held against these rows (decision 23)."""

login_attempts = Table(
    "login_attempts",
    Base.metadata,
    Column(
        "subject",
        LargeBinary,
        primary_key=True,
        comment="対象のハッシュ (アカウントまたはアドレス)",
        doc="SHA-256 of the account or address; passwords typed into the wrong field stay unreadable.",
    ),
    Column("attempts", Integer, nullable=False, comment="試行回数", doc="Attempts since window_started_at."),
    Column(
        "window_started_at",
        DateTime(timezone=True),
        nullable=False,
        comment="集計開始時刻",
        doc="When counting began.",
    ),
    comment="ログイン試行回数の制限",
    postgresql_with={"fillfactor": 50},
)
