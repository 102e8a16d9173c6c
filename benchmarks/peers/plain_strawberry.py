"""Plain Strawberry: hand-written types, SQLAlchemy ORM sessions, a DataLoader for each relation.

What a careful team would write without a planner: one query for the root, one for each relation of all its
rows, windowed so that a list of children is one statement too. Started as
`uvicorn benchmarks.peers.plain_strawberry:app`; DATABASE_URL and POOL_SIZE come from the environment.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute, aliased
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

import models

engine = create_async_engine(
    os.environ["DATABASE_URL"], pool_size=int(os.environ["POOL_SIZE"]), max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
Row = TypeVar("Row", bound=models.Base)
ChildKey = tuple[UUID, int]


async def rows(statement: Any) -> Sequence[Any]:
    """Run one statement in a session of its own, so that the loaders of a request may run side by side."""
    async with sessions() as session:
        return (await session.scalars(statement)).all()


def one_by(model: type[Row], key: InstrumentedAttribute[Any]) -> DataLoader[UUID, Row | None]:
    """The loader of a to-one relation."""

    async def load(keys: list[UUID]) -> list[Row | None]:
        found = {getattr(row, key.key): row for row in await rows(select(model).where(key.in_(keys)))}
        return [found.get(wanted) for wanted in keys]

    return DataLoader(load)


def many_by(
    model: type[Row], key: InstrumentedAttribute[Any], order: ColumnElement[Any] | InstrumentedAttribute[Any]
) -> DataLoader[ChildKey, list[Row]]:
    """The loader of the first so many children of each parent."""

    async def load(keys: list[ChildKey]) -> list[list[Row]]:
        place = func.row_number().over(partition_by=key, order_by=order).label("place")
        limit = max(first for _, first in keys)
        numbered = select(model, place).where(key.in_([parent for parent, _ in keys])).subquery()
        child = aliased(model, numbered)
        statement = select(child).where(numbered.c.place <= limit).order_by(numbered.c.place)
        children = defaultdict[UUID, list[Row]](list)
        for row in await rows(statement):
            children[getattr(row, key.key)].append(row)
        return [children[parent][:first] for parent, first in keys]

    return DataLoader(load)


class Loaders:
    """The loaders of one request."""

    def __init__(self) -> None:
        self.projects = one_by(models.Project, models.Project.project_id)
        self.instances = one_by(models.CcInstance, models.CcInstance.id)
        self.tasks_of_project = many_by(models.Task, models.Task.project_id, models.Task.id)
        self.tasks_of_instance = many_by(models.Task, models.Task.assigned_to_id, models.Task.id)
        self.instances_of_project = many_by(
            models.CcInstance, models.CcInstance.project_id, models.CcInstance.id
        )
        self.messages_of_task = many_by(
            models.UltrathinkMessage, models.UltrathinkMessage.task_id, models.UltrathinkMessage.id
        )


Info = strawberry.Info[dict[str, Loaders], None]


@strawberry.type
class UltrathinkMessage:
    """An instruction."""

    id: UUID
    instruction_content: str
    sent_at: datetime

    @classmethod
    def of(cls, row: models.UltrathinkMessage) -> "UltrathinkMessage":
        """The object of a row."""
        return cls(id=row.id, instruction_content=row.instruction_content, sent_at=row.sent_at)


@strawberry.type
class UltrathinkMessageConnection:
    """Instructions about a task."""

    nodes: list[UltrathinkMessage]


@strawberry.type
class Task:
    """A task."""

    id: UUID
    name: str
    status: str
    priority: int
    created_at: datetime
    row: strawberry.Private[models.Task]

    @classmethod
    def of(cls, row: models.Task) -> "Task":
        """The object of a row."""
        return cls(
            id=row.id,
            name=row.name,
            status=row.status.value,
            priority=row.priority,
            created_at=row.created_at,
            row=row,
        )

    @strawberry.field
    async def project(self, info: Info) -> "Project | None":
        """Its project."""
        if self.row.project_id is None:
            return None
        found = await info.context["loaders"].projects.load(self.row.project_id)
        return Project.of(found) if found else None

    @strawberry.field
    async def assigned_to(self, info: Info) -> "CcInstance | None":
        """The instance at work on it."""
        if self.row.assigned_to_id is None:
            return None
        found = await info.context["loaders"].instances.load(self.row.assigned_to_id)
        return CcInstance.of(found) if found else None

    @strawberry.field
    async def ultrathink_messages(self, info: Info, first: int) -> UltrathinkMessageConnection:
        """The instructions about it."""
        found = await info.context["loaders"].messages_of_task.load((self.id, first))
        return UltrathinkMessageConnection(nodes=[UltrathinkMessage.of(row) for row in found])


@strawberry.type
class TaskChildren:
    """The tasks of something."""

    nodes: list[Task]


@strawberry.type
class CcInstance:
    """An instance."""

    id: UUID
    name: str
    status: str

    @classmethod
    def of(cls, row: models.CcInstance) -> "CcInstance":
        """The object of a row."""
        return cls(id=row.id, name=row.name, status=row.status.value)

    @strawberry.field
    async def assigned_tasks(self, info: Info, first: int) -> TaskChildren:
        """Its tasks."""
        found = await info.context["loaders"].tasks_of_instance.load((self.id, first))
        return TaskChildren(nodes=[Task.of(row) for row in found])


@strawberry.type
class CcInstanceConnection:
    """Instances of a project."""

    nodes: list[CcInstance]


@strawberry.type
class Project:
    """A project."""

    id: int
    name: str
    is_public: bool | None
    row: strawberry.Private[models.Project]

    @classmethod
    def of(cls, row: models.Project) -> "Project":
        """The object of a row."""
        return cls(id=row.id, name=row.name, is_public=row.is_public, row=row)

    @strawberry.field
    async def tasks(self, info: Info, first: int) -> TaskChildren:
        """Its tasks."""
        found = await info.context["loaders"].tasks_of_project.load((self.row.project_id, first))
        return TaskChildren(nodes=[Task.of(row) for row in found])

    @strawberry.field
    async def cc_instances(self, info: Info, first: int) -> CcInstanceConnection:
        """Its instances."""
        found = await info.context["loaders"].instances_of_project.load((self.row.project_id, first))
        return CcInstanceConnection(nodes=[CcInstance.of(row) for row in found])


@strawberry.type
class ProjectConnection:
    """Projects."""

    nodes: list[Project]


@strawberry.type
class GroupKey:
    """The key of a group."""

    status: str


@strawberry.type
class GroupMax:
    """Largest values of a group."""

    priority: int | None
    actual_duration_minutes: int | None


@strawberry.type
class TaskGroup:
    """A group of tasks."""

    key: GroupKey
    max: GroupMax


@strawberry.type
class TaskConnection:
    """Tasks, filtered."""

    first: strawberry.Private[int]
    where: strawberry.Private[list[ColumnElement[bool]]]

    @strawberry.field
    async def total_count(self) -> int:
        """The number of rows."""
        statement = select(func.count()).select_from(models.Task).where(*self.where)
        return int((await rows(statement))[0])

    @strawberry.field
    async def nodes(self) -> list[Task]:
        """The page."""
        statement = select(models.Task).where(*self.where).order_by(models.Task.id).limit(self.first)
        return [Task.of(row) for row in await rows(statement)]

    @strawberry.field
    async def groups(self) -> list[TaskGroup]:
        """All that fit, by status."""
        task = models.Task
        statement = (
            select(task.status, func.max(task.priority), func.max(task.actual_duration_minutes))
            .where(*self.where)
            .group_by(task.status)
            .order_by(task.status)
        )
        async with sessions() as session:
            found = (await session.execute(statement)).all()
        return [
            TaskGroup(
                key=GroupKey(status=status.value),
                max=GroupMax(priority=largest, actual_duration_minutes=minutes),
            )
            for status, largest, minutes in found
        ]


@strawberry.type
class McpMessage:
    """A message."""

    id: UUID
    method: str | None
    created_at: datetime


@strawberry.type
class PageInfo:
    """Facts about a page: whether there are more rows."""

    has_next_page: bool


@strawberry.type
class McpMessageConnection:
    """A page of messages."""

    nodes: list[McpMessage]
    page_info: PageInfo


@strawberry.type
class Query:
    """The shapes of the benchmark."""

    @strawberry.field
    async def task(self, id: UUID) -> Task | None:  # noqa: A002 - the name in the schema
        """One task."""
        found = await rows(select(models.Task).where(models.Task.id == id))
        return Task.of(found[0]) if found else None

    @strawberry.field
    async def tasks(
        self,
        first: int = 50,
        status: str | None = None,
        priority: int | None = None,
        since: datetime | None = None,
        after: UUID | None = None,
    ) -> TaskConnection:
        """Tasks by key."""
        where: list[ColumnElement[bool]] = []
        if status is not None:
            where.append(models.Task.status == status)
        if priority is not None:
            where.append(models.Task.priority == priority)
        if since is not None:
            where.append(models.Task.created_at >= since)
        if after is not None:
            where.append(models.Task.id > after)
        return TaskConnection(first=first, where=where)

    @strawberry.field
    async def projects(self, first: int, after: int = 0) -> ProjectConnection:
        """Projects by key, those with a larger one than `after`."""
        project = models.Project
        found = await rows(select(project).where(project.id > after).order_by(project.id).limit(first))
        return ProjectConnection(nodes=[Project.of(row) for row in found])

    @strawberry.field
    async def mcp_messages(
        self, first: int, after: str | None = None, since: datetime | None = None
    ) -> McpMessageConnection:
        """Messages by time; `after` is the time and key of the row before, with a bar between."""
        message = models.McpMessage
        statement = select(message).order_by(message.created_at, message.id).limit(first + 1)
        if after is not None:
            at, _, key = after.partition("|")
            statement = statement.where(
                tuple_(message.created_at, message.id) > tuple_(datetime.fromisoformat(at), UUID(key))
            )
        if since is not None:
            statement = statement.where(message.created_at >= since)
        found = await rows(statement)
        return McpMessageConnection(
            nodes=[
                McpMessage(id=row.id, method=row.method, created_at=row.created_at) for row in found[:first]
            ],
            page_info=PageInfo(has_next_page=len(found) > first),
        )


class Server(GraphQL[dict[str, Loaders], None]):
    """Strawberry's own ASGI application with loaders for each request."""

    async def get_context(self, request: Any, response: Any) -> dict[str, Loaders]:
        """Fresh loaders."""
        return {"loaders": Loaders()}


app = Server(strawberry.Schema(query=Query))
