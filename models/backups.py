"""Backups that were made, and whether they were tried (client §8)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import EMPTY_ARRAY, Base, in_clear, uuid_key
from models.enums import BackupKind, BackupStatus
from models.types import Choice, Json, no_json_null, one_of


class BackupRun(Base):
    """One backup that was made, or that failed."""

    __tablename__ = "backup_runs"
    __table_args__ = (
        one_of("kind", BackupKind, "chk_backup_runs_kind"),
        one_of("status", BackupStatus, "chk_backup_runs_status"),
        no_json_null(
            "encryption_keys", "chk_backup_runs_encryption_keys", "Encryption keys are a list of names."
        ),
        Index("idx_backup_runs_kind_started", "kind", text("started_at DESC")),
        {"comment": "バックアップ実行履歴"},
    )

    id: Mapped[UUID] = uuid_key(
        "バックアップID (UUID)", "Key of the row, and the id in the backup's own manifest."
    )
    kind: Mapped[BackupKind] = mapped_column(
        Choice(BackupKind), comment="種類 (dump/base)", doc="What kind of backup it is."
    )
    status: Mapped[BackupStatus] = mapped_column(
        Choice(BackupStatus), comment="状態 (completed/failed)", doc="How it ended."
    )
    started_at: Mapped[datetime] = mapped_column(
        comment="開始日時", doc="When it began; a dump has what was committed by then."
    )
    finished_at: Mapped[datetime] = mapped_column(comment="終了日時", doc="When it ended.")
    path: Mapped[str | None] = mapped_column(
        info=in_clear("the server writes it, and people find the file by it"),
        comment="保存先パス",
        doc="Where the backup lies, on the machine that made it; null when it failed.",
    )
    size_bytes: Mapped[int | None] = mapped_column(
        BigInteger, comment="サイズ (バイト)", doc="Size of the files, in bytes."
    )
    row_count: Mapped[int | None] = mapped_column(
        BigInteger, comment="行数", doc="Rows of all tables in it; null for a base backup."
    )
    encryption_keys: Mapped[list[str]] = mapped_column(
        Json,
        server_default=EMPTY_ARRAY,
        info=in_clear("names of keys, which the server writes"),
        comment="必要な暗号鍵ID (JSON)",
        doc="Names of the encryption keys without which sealed values in it stay unreadable.",
    )
    error: Mapped[str | None] = mapped_column(
        info=in_clear("the server writes it, in sentences of its own"),
        comment="エラー内容",
        doc="Why it failed, and what to do about it.",
    )
    verified_at: Mapped[datetime | None] = mapped_column(
        comment="検証日時", doc="When it was last read back; null when it never was."
    )
    is_verified: Mapped[bool | None] = mapped_column(
        comment="検証結果",
        doc="Whether what was read back was what had been saved; null when it never was.",
    )
    removed_at: Mapped[datetime | None] = mapped_column(
        comment="削除日時", doc="When retention removed the files; null while they are kept."
    )
