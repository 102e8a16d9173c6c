"""Usage of models by Claude Code: one row for each request, with its tokens and its cost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from models.base import FALSE, Base, created_at, to_one, uuid_key
from models.enums import UsageAsker
from models.retention import kept_from
from models.types import Choice, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.projects import Project
    from models.sessions import Session
    from models.users import User

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "cache_creation_5m_tokens",
    "cache_creation_1h_tokens",
)
"""The columns that count tokens."""


def _tokens(comment: str, doc: str) -> MappedColumn[int]:
    return mapped_column(server_default=sql("0"), comment=comment, doc=doc)


class CcUsage(Base):
    """One request to a model: its tokens, its cost, how long it took, and who asked."""

    __tablename__ = "cc_usage"
    __table_args__ = (
        one_of("asked_by", UsageAsker, "chk_cc_usage_asked_by"),
        CheckConstraint(" AND ".join(f"{column} >= 0" for column in COUNTS), name="chk_cc_usage_tokens"),
        CheckConstraint("cost_micro_usd >= 0", name="chk_cc_usage_cost"),
        CheckConstraint("duration_ms >= 0 AND time_to_first_token_ms >= 0", name="chk_cc_usage_times"),
        Index("idx_cc_usage_instance_requested", "cc_instance_id", "requested_at"),
        Index("idx_cc_usage_session", "session_id"),
        Index("idx_cc_usage_project_requested", "project_id", "requested_at"),
        Index("idx_cc_usage_user_requested", "user_id", "requested_at"),
        Index("idx_cc_usage_requested", "requested_at", "id"),
        {"comment": "モデル要求ごとのトークン使用量と費用", "info": kept_from("requested_at", "cc_usage")},
    )

    id: Mapped[UUID] = uuid_key(
        "使用量ID (UUID)", "Key of the row, derived from the session and the request, or a UUIDv7."
    )
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        comment="CCインスタンスID",
        doc="Key of the instance that asked.",
    )
    session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="SET NULL"),
        comment="セッションID (UUID)",
        doc="Id of the session in which it asked.",
    )
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="SET NULL"),
        comment="プロジェクトID (UUID)",
        doc="Id of the project that it was for.",
    )
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"),
        comment="ユーザーID",
        doc="Key of the person whose session it was.",
    )
    request_id: Mapped[str | None] = mapped_column(
        String(200), comment="要求ID", doc="Id that the model's API gave the request, or its message."
    )
    model: Mapped[str | None] = mapped_column(String(200), comment="モデル名", doc="Name of the model.")
    asked_by: Mapped[UsageAsker | None] = mapped_column(
        Choice(UsageAsker),
        comment="要求元 (main/subagent/auxiliary)",
        doc="Which part of Claude Code asked.",
    )
    input_tokens: Mapped[int] = _tokens("入力トークン数", "Tokens that were read anew.")
    output_tokens: Mapped[int] = _tokens("出力トークン数", "Tokens that were written.")
    cache_read_tokens: Mapped[int] = _tokens(
        "キャッシュ読み取りトークン数", "Tokens that were read from the cache."
    )
    cache_creation_tokens: Mapped[int] = _tokens(
        "キャッシュ作成トークン数", "Tokens that were put into the cache, for however long."
    )
    cache_creation_5m_tokens: Mapped[int] = _tokens(
        "キャッシュ作成トークン数 (5分)", "Those of them that were put there for 5 minutes, as far as told."
    )
    cache_creation_1h_tokens: Mapped[int] = _tokens(
        "キャッシュ作成トークン数 (1時間)", "Those of them that were put there for an hour, as far as told."
    )
    cost_micro_usd: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="費用 (100万分の1米ドル)",
        doc="Cost in millionths of a US dollar; null while neither told nor estimated.",
    )
    cost_is_estimated: Mapped[bool] = mapped_column(
        server_default=FALSE,
        comment="費用が推定値か",
        doc="Whether the cost is an estimate from the prices in the settings, and was not told.",
    )
    duration_ms: Mapped[int | None] = mapped_column(
        comment="所要時間（ミリ秒）", doc="How long the request took, in milliseconds."
    )
    time_to_first_token_ms: Mapped[int | None] = mapped_column(
        comment="最初のトークンまでの時間（ミリ秒）",
        doc="How long it took until the answer began, in milliseconds.",
    )
    requested_at: Mapped[datetime] = mapped_column(
        comment="要求日時", doc="When it asked, by the earliest that was told of it."
    )
    created_at: Mapped[datetime] = created_at()

    cc_instance: Mapped[CcInstance | None] = to_one("usage")
    session: Mapped[Session | None] = to_one("usage")
    project: Mapped[Project | None] = to_one("usage")
    user: Mapped[User | None] = to_one("usage")
