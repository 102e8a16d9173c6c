"""The change feed: one row for each change of a watched table that matters to subscribers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, transaction_id
from models.enums import ChangeOperation
from models.types import Choice, Json, one_of


class ChangeEvent(Base):
    """A change of a watched row, written by trigger in the changing transaction."""

    __tablename__ = "change_events"
    __table_args__ = (
        one_of("op", ChangeOperation, "chk_change_events_op"),
        Index("idx_change_events_xid", "xid"),
        {"comment": "変更フィード", "postgresql_partition_by": "RANGE (at)"},
    )

    seq: Mapped[int] = mapped_column(
        BigInteger,
        Identity(always=False),
        primary_key=True,
        comment="連番",
        doc="Number of the change; numbers are handed out before commit.",
    )
    xid: Mapped[int] = transaction_id()
    at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(),
        primary_key=True,
        comment="変更時刻",
        doc="When the row was changed.",
    )
    table_name: Mapped[str] = mapped_column(comment="テーブル名", doc="Table of the row.")
    op: Mapped[ChangeOperation] = mapped_column(
        Choice(ChangeOperation), comment="操作 (INSERT/UPDATE/DELETE)", doc="What happened to the row."
    )
    row_key: Mapped[str] = mapped_column(comment="行の主キー (文字列)", doc="Primary key of the row as text.")
    old: Mapped[dict[str, Any] | None] = mapped_column(
        Json, comment="変更前の監視列 (JSON)", doc="Watched columns before the change."
    )
    new: Mapped[dict[str, Any] | None] = mapped_column(
        Json, comment="変更後の監視列 (JSON)", doc="Watched columns after the change."
    )
    project_id: Mapped[UUID | None] = mapped_column(
        comment="プロジェクトID", doc="Id of the project concerned."
    )
    user_id: Mapped[int | None] = mapped_column(comment="ユーザーID", doc="Key of the person concerned.")
    instance_id: Mapped[UUID | None] = mapped_column(
        comment="CCインスタンスID", doc="Key of the instance concerned."
    )
    socket_id: Mapped[UUID | None] = mapped_column(
        comment="WebSocketセッションID", doc="Key of the connection concerned."
    )
    actor_id: Mapped[int | None] = mapped_column(
        comment="操作者ユーザーID",
        doc="Key of the person who made the change; null when it came by plain SQL.",
    )
