"""Requirements and features of a project (terminal §7)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import FALSE, FIXED, GIVEN, Base, begins_as, created_at, to_one, updated_at, uuid_key
from models.enums import FeatureStatus, FeatureType, RequirementStatus, RequirementType
from models.types import Choice, one_of

if TYPE_CHECKING:
    from models.projects import Project


class Requirement(Base):
    """Something that a project has to fulfil."""

    __tablename__ = "requirements"
    __table_args__ = (
        one_of("type", RequirementType, "chk_requirements_type"),
        one_of("status", RequirementStatus, "chk_requirements_status"),
        Index("idx_requirements_project", "project_id"),
        {"comment": "要件定義"},
    )

    id: Mapped[UUID] = uuid_key("要件ID (UUID)")
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    type: Mapped[RequirementType] = mapped_column(
        Choice(RequirementType),
        info=GIVEN,
        comment="要件タイプ (functional/non_functional/mcp_specific)",
        doc="What kind of requirement it is.",
    )
    title: Mapped[str] = mapped_column(info=GIVEN, comment="要件タイトル", doc="Title of the requirement.")
    content: Mapped[str] = mapped_column(info=GIVEN, comment="要件内容", doc="The requirement in full.")
    priority: Mapped[int] = mapped_column(info=GIVEN, comment="優先度", doc="How important it is.")
    status: Mapped[RequirementStatus] = mapped_column(
        Choice(RequirementStatus),
        info=GIVEN | begins_as("draft"),
        comment="ステータス (draft/approved/implemented/tested)",
        doc="Where the requirement stands.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()

    project: Mapped[Project | None] = to_one("requirements")


class Feature(Base):
    """Something that a project offers."""

    __tablename__ = "features"
    __table_args__ = (
        one_of("feature_type", FeatureType, "chk_features_feature_type"),
        one_of("status", FeatureStatus, "chk_features_status"),
        Index("idx_features_project", "project_id"),
        {"comment": "機能管理"},
    )

    id: Mapped[UUID] = uuid_key("機能ID (UUID)")
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    name: Mapped[str] = mapped_column(info=GIVEN, comment="機能名", doc="Name of the feature.")
    description: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="機能説明", doc="What the feature does."
    )
    feature_type: Mapped[FeatureType] = mapped_column(
        Choice(FeatureType),
        info=GIVEN,
        comment="機能タイプ (mcp/ultrathink/ui/api/database)",
        doc="Part of the product.",
    )
    priority: Mapped[int] = mapped_column(info=GIVEN, comment="優先度", doc="How important it is.")
    status: Mapped[FeatureStatus] = mapped_column(
        Choice(FeatureStatus),
        info=GIVEN | begins_as("planned"),
        comment="ステータス (planned/development/testing/completed)",
        doc="Where the feature stands.",
    )
    mcp_integration: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=GIVEN,
        comment="MCP統合フラグ",
        doc="Whether the feature is offered through MCP.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()

    project: Mapped[Project | None] = to_one("features")
