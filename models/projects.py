"""Projects: the union of client §3.3.1 and terminal §5.1 in one table (decision 2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    EMPTY_ARRAY,
    EMPTY_OBJECT,
    FALSE,
    FILLED,
    FIXED,
    GIVEN,
    NEW_UUID,
    OWNER,
    SEALED_VARIABLES,
    TRUE,
    Base,
    SerialKey,
    created_at,
    to_many,
    to_one,
    updated_at,
)
from models.enums import ProjectStatus, ProjectType
from models.search import SEARCHES
from models.types import Choice, Json, one_of

if TYPE_CHECKING:
    from models.git_worktrees import GitWorktree
    from models.instances import CcInstance
    from models.invitations import ProjectInvitation
    from models.planning import Feature, Requirement
    from models.sessions import Session
    from models.tasks import Task
    from models.usage import CcUsage
    from models.users import User
    from models.websocket import WebsocketNotification
    from models.worktrees import Worktree


class Project(Base):
    """A project: what people and Claude Code instances work on together."""

    __tablename__ = "projects"
    __table_args__ = (
        one_of("project_type", ProjectType, "chk_project_type"),
        one_of("status", ProjectStatus, "chk_projects_status"),
        Index("idx_projects_owner_activity", "owner_id", text("last_activity DESC")),
        Index(
            "idx_projects_public_activity",
            "is_public",
            text("last_activity DESC"),
            postgresql_where=text("is_public = true"),
        ),
        Index(
            "idx_projects_collaborators",
            "collaborators",
            postgresql_using="gin",
            postgresql_ops={"collaborators": "jsonb_path_ops"},
        ),
        Index(
            "idx_projects_search",
            text(SEARCHES["projects"].vector()),
            postgresql_using="gin",
        ),
        Index("idx_projects_holding", "owner_id", postgresql_where=text("hold_permission_requests")),
        {"comment": "プロジェクト基本情報・設定"},
    )

    id: Mapped[SerialKey]
    project_id: Mapped[UUID] = mapped_column(
        unique=True,
        server_default=NEW_UUID,
        info=FIXED,
        comment="プロジェクトID (UUID)",
        doc="Id of the project.",
    )
    name: Mapped[str] = mapped_column(
        String(100), info=GIVEN, comment="プロジェクト名", doc="Name of the project."
    )
    description: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="プロジェクト説明", doc="What the project is about."
    )
    project_type: Mapped[ProjectType | None] = mapped_column(
        Choice(ProjectType, 50),
        server_default="general",
        info=GIVEN,
        comment="プロジェクト種別",
        doc="What the project builds.",
    )
    repository_url: Mapped[str | None] = mapped_column(
        String(500), info=GIVEN, comment="リポジトリURL", doc="Where the repository is hosted."
    )
    local_path: Mapped[str | None] = mapped_column(
        String(500), info=GIVEN, comment="ローカルパス", doc="Where the repository lies on disk."
    )
    default_branch: Mapped[str | None] = mapped_column(
        String(100),
        server_default="main",
        info=GIVEN,
        comment="デフォルトブランチ",
        doc="Branch that work starts from.",
    )
    tech_stack: Mapped[list[Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_ARRAY,
        info=GIVEN,
        comment='使用技術スタック ["python", "fastapi", "postgresql"]',
        doc="Technologies in use, for instance python and postgresql.",
    )
    build_config: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN,
        comment="ビルド設定 (JSON)",
        doc="How the project is built.",
    )
    deploy_config: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN,
        comment="デプロイ設定 (JSON)",
        doc="How the project is deployed.",
    )
    environment_vars: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=SEALED_VARIABLES,
        comment="環境変数 (JSON、暗号化)",
        doc="Environment variables, encrypted.",
    )
    owner_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=FIXED | OWNER,
        comment="所有者ID",
        doc="Key of the person who owns the project.",
    )
    is_public: Mapped[bool | None] = mapped_column(
        server_default=FALSE, info=GIVEN, comment="公開フラグ", doc="Whether everybody may see the project."
    )
    collaborators: Mapped[list[Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_ARRAY,
        info=BY_SERVER,
        comment='コラボレーター権限 [{"user_id": 1, "role": "editor"}]',
        doc="Who else works on the project: objects with user_id and role.",
    )
    total_sessions: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="セッション総数",
        doc="Sessions of the project; kept exact by a trigger.",
    )
    total_commits: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="コミット総数",
        doc="Successful syncs with a commit in its worktrees.",
    )
    total_worktrees: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="Worktree総数",
        doc="Worktrees of the project; kept exact by a trigger.",
    )
    last_activity: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER,
        comment="最終アクティビティ日時",
        doc="When a session, worktree or sync of the project last changed.",
    )
    workdir: Mapped[str] = mapped_column(
        # The trigger tr_projects_workdir fills it in when it is not given.
        info=GIVEN | FILLED,
        comment="作業ディレクトリパス",
        doc="Working directory; local_path or projects/<project_id> unless it is given.",
    )
    status: Mapped[ProjectStatus] = mapped_column(
        Choice(ProjectStatus),
        server_default="active",
        info=GIVEN,
        comment="ステータス (active/paused/completed/archived)",
        doc="Where the project stands.",
    )
    mcp_enabled: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=GIVEN, comment="MCP機能有効フラグ", doc="Whether instances may use MCP."
    )
    max_parallel_cc: Mapped[int | None] = mapped_column(
        server_default=text("5"),
        info=GIVEN,
        comment="最大並列CC数",
        doc="How many instances may run at a time.",
    )
    ultrathink_protocol: Mapped[bool | None] = mapped_column(
        server_default=TRUE,
        info=GIVEN,
        comment="ultrathinkプロトコル有効フラグ",
        doc="Whether the ultrathink protocol is in use.",
    )
    config_json: Mapped[dict[str, Any] | None] = mapped_column(
        Json, info=GIVEN, comment="プロジェクト設定 (JSON)", doc="Settings of the project."
    )
    hold_permission_requests: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=GIVEN,
        comment="許可要求を保留して回答を待つか",
        doc="Whether a permission that an instance asks for is held until a person answers it here.",
    )
    git_repository: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="Gitリポジトリパス", doc="Path of the git repository."
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    archived_at: Mapped[datetime | None] = mapped_column(
        info=BY_SERVER, comment="アーカイブ日時", doc="When the project was archived."
    )

    owner: Mapped[User] = to_one("projects")
    sessions: Mapped[list[Session]] = to_many("project")
    worktrees: Mapped[list[Worktree]] = to_many("project")
    tasks: Mapped[list[Task]] = to_many("project")
    cc_instances: Mapped[list[CcInstance]] = to_many("project")
    git_worktrees: Mapped[list[GitWorktree]] = to_many("project")
    requirements: Mapped[list[Requirement]] = to_many("project")
    features: Mapped[list[Feature]] = to_many("project")
    websocket_notifications: Mapped[list[WebsocketNotification]] = to_many("project")
    invitations: Mapped[list[ProjectInvitation]] = to_many("project")
    usage: Mapped[list[CcUsage]] = to_many("project")
