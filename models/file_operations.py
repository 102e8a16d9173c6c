"""Operations on files in sessions (client §3.5.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import FALSE, FIXED, GIVEN, OWNER, TRUE, Base, LogKey, created_at, to_one
from models.enums import FileOperationType
from models.search import SEARCHES, key_of_text
from models.types import Choice, one_of

if TYPE_CHECKING:
    from models.sessions import Session
    from models.users import User


class FileOperation(Base):
    """One operation on a file, for the history and for audit."""

    __tablename__ = "file_operations"
    __table_args__ = (
        one_of("operation_type", FileOperationType, "chk_operation_type"),
        Index("idx_file_operations_session_id", "session_id"),
        Index("idx_file_operations_user_id", "user_id"),
        Index("idx_file_operations_user_created", "user_id", text("created_at DESC")),
        Index("idx_file_operations_session_type", "session_id", "operation_type"),
        Index("idx_file_operations_created_at", "created_at", "id"),
        Index(
            "idx_file_operations_path_search",
            text(SEARCHES["file_operations"].vector()),
            postgresql_using="gin",
        ),
        # The newest operations on a path, and those of a session on it. A path itself may be too long.
        Index("idx_file_operations_path", text(key_of_text("file_path")), "id", "created_at"),
        Index("idx_file_operations_session_path", "session_id", text(key_of_text("file_path"))),
        {"comment": "ファイル操作履歴・監査ログ", "postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[LogKey]
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        info=GIVEN,
        comment="セッションID",
        doc="Id of the session.",
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=GIVEN | OWNER,
        comment="ユーザーID",
        doc="Key of the person.",
    )
    operation_type: Mapped[FileOperationType] = mapped_column(
        Choice(FileOperationType, 20), info=GIVEN, comment="操作種別", doc="What was done."
    )
    file_path: Mapped[str] = mapped_column(
        String(1000), info=GIVEN, comment="ファイルパス", doc="Path of the file."
    )
    old_file_path: Mapped[str | None] = mapped_column(
        String(1000), info=GIVEN, comment="変更前ファイルパス", doc="Path before a rename or move."
    )
    content_hash: Mapped[str | None] = mapped_column(
        String(64), info=GIVEN, comment="内容ハッシュ", doc="Hash of the content."
    )
    file_size_bytes: Mapped[int | None] = mapped_column(
        BigInteger,
        server_default=text("0"),
        info=GIVEN,
        comment="ファイルサイズ（バイト）",
        doc="Size of the file in bytes.",
    )
    mime_type: Mapped[str | None] = mapped_column(
        String(100), info=GIVEN, comment="MIMEタイプ", doc="MIME type of the file."
    )
    encoding: Mapped[str | None] = mapped_column(
        String(20),
        server_default="utf-8",
        info=GIVEN,
        comment="文字エンコーディング",
        doc="Character encoding of the file.",
    )
    is_binary: Mapped[bool | None] = mapped_column(
        server_default=FALSE, info=GIVEN, comment="バイナリフラグ", doc="Whether the file is binary."
    )
    language: Mapped[str | None] = mapped_column(
        String(50), info=GIVEN, comment="プログラミング言語", doc="Programming language of the file."
    )
    line_count: Mapped[int | None] = mapped_column(info=GIVEN, comment="行数", doc="Number of lines.")
    execution_time_ms: Mapped[int | None] = mapped_column(
        info=GIVEN, comment="実行時間（ミリ秒）", doc="How long the operation took, in milliseconds."
    )
    success: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=GIVEN, comment="成功フラグ", doc="Whether the operation succeeded."
    )
    error_message: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="エラーメッセージ", doc="What went wrong."
    )
    created_at: Mapped[datetime] = created_at(primary_key=True, info=FIXED)

    session: Mapped[Session] = to_one("file_operations")
    user: Mapped[User] = to_one("file_operations")
