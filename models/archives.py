"""Archived projects with their tasks and messages (terminal §12.1, decision 22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, Table, Text, Uuid, func
from sqlalchemy.orm import Mapped

import models.instances  # noqa: F401 - a foreign key has no type before the table that it points to
from models.base import Base, Facts, to_many, to_one
from models.mcp import McpMessage
from models.projects import Project
from models.tasks import Task
from models.types import Json

if TYPE_CHECKING:
    from models.users import User


def archive_of(source: type[Base], comment: str, *further: Column[Any] | Index, **keys: ForeignKey) -> Table:
    """A table `<source>_archive` with the columns of `source`, but no defaults: rows arrive complete.

    `keys` are the foreign keys of the archive itself, by column; `further` are its own columns and indexes.
    """
    table = cast("Table", source.__table__)
    columns = [
        Column(
            column.name,
            column.type,
            *([keys[column.name]] if column.name in keys else []),
            primary_key=column.primary_key,
            autoincrement=False,
            unique=column.name == "project_id" and table.name == "projects",
            nullable=column.nullable,
            info=_archived_facts(table, column),
            comment=column.comment,
            doc=column.doc,
        )
        for column in table.columns
    ]
    return Table(f"{table.name}_archive", Base.metadata, *columns, *further, comment=comment)


def _archived_facts(table: Table, column: Column[Any]) -> Facts:
    """The column's facts; what is sealed in it stays sealed for the table that it came from."""
    sealed_for = {"sealed_for": f"{table.name}.{column.name}"} if "sealed" in column.info else {}
    return {**column.info, **sealed_for}


def names_of(source: type[Base], archive: Table) -> dict[str, Any]:
    """Mapper arguments that call the archive's columns as the attributes of `source` are called."""
    mapper = source.__mapper__
    columns = cast("Table", source.__table__).columns
    keys = {mapper.get_property_by_column(column).key: column.name for column in columns}
    return {"properties": {key: archive.columns[name] for key, name in keys.items() if key != name}}


def moved_at() -> Column[Any]:
    """The time at which maintenance moved the row."""
    return Column(
        "moved_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="アーカイブ移動日時",
        doc="When the row was moved to the archive.",
    )


def archived_project() -> ForeignKey:
    """A restored project takes its rows along; one that is deleted for good leaves none behind."""
    return ForeignKey("projects_archive.project_id", ondelete="CASCADE")


class ProjectArchive(Base):
    """An archived project."""

    __table__ = archive_of(
        Project,
        "アーカイブ済みプロジェクト",
        moved_at(),
        Index("idx_projects_archive_owner", "owner_id"),
        owner_id=ForeignKey("users.id", ondelete="CASCADE"),
    )
    __mapper_args__ = names_of(Project, __table__)

    owner: Mapped[User] = to_one("archived_projects")
    tasks: Mapped[list[TaskArchive]] = to_many("project")
    mcp_messages: Mapped[list[McpMessageArchive]] = to_many("project")


class TaskArchive(Base):
    """A task of an archived project."""

    __table__ = archive_of(
        Task,
        "アーカイブ済みタスク",
        moved_at(),
        Index("idx_tasks_archive_project", "project_id"),
        project_id=archived_project(),
    )
    __mapper_args__ = names_of(Task, __table__)

    project: Mapped[ProjectArchive | None] = to_one("tasks")


class McpMessageArchive(Base):
    """An MCP message of an archived project."""

    __table__ = archive_of(
        McpMessage,
        "アーカイブ済みMCPメッセージ",
        Column(
            "project_id",
            Uuid,
            archived_project(),
            comment="プロジェクトID",
            doc="Id of the project, whose instances are not archived with it.",
        ),
        moved_at(),
        Index("idx_mcp_messages_archive_project", "project_id", "created_at"),
    )
    __mapper_args__ = names_of(McpMessage, __table__)

    project: Mapped[ProjectArchive | None] = to_one("mcp_messages")


project_archive_rows = Table(
    "project_archive_rows",
    Base.metadata,
    Column(
        "id",
        BigInteger,
        Identity(always=False),
        primary_key=True,
        comment="基本キー",
        doc="Key of the row.",
    ),
    Column(
        "project_id",
        Uuid,
        archived_project(),
        nullable=False,
        comment="プロジェクトID",
        doc="Id of the archived project.",
    ),
    Column("table_name", Text, nullable=False, comment="テーブル名", doc="Table that the row came from."),
    Column("content", Json, nullable=False, comment="行の内容 (JSON)", doc="The row, or the links it lost."),
    Index("idx_project_archive_rows_project", "project_id", "table_name"),
    comment="アーカイブ済みプロジェクトに属する行",
)
"""What else belongs to an archived project; no mapped class, for it is there for restoring alone."""
