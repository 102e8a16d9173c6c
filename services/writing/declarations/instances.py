"""Declarations of instances and of the instructions between them."""

from collections.abc import Mapping
from typing import Any, Final

from models import CcInstance, UltrathinkMessage
from models.enums import CcInstanceStatus, CcInstanceType, ProjectStatus
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict, QuotaExceeded
from services.writing import lifecycles
from services.writing.archived import archived
from services.writing.declaration import Access, Kept, Reference, Values, writable
from services.writing.declarations.of_project import (
    DIRECTLY,
    project_of,
    same_project,
    same_value,
)
from services.writing.ended_instances import let_go
from services.writing.task_claims import release_claims


async def _instance_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    """A CHILD has a parent, a PARENT has none (decision 25); the type follows when it is not given."""
    derived = CcInstanceType.CHILD if values.get("parent_instance_id") else CcInstanceType.PARENT
    if values.setdefault("type", derived) != derived:
        raise BadInput(
            "A CHILD names its parent in `parentInstanceId`, a PARENT has none.", field=f"{prefix}.type"
        )
    # The parent is held, so that no child comes in behind a caller who terminates the whole tree.
    parent = await connection.exec_driver_sql(
        "SELECT status FROM cc_instances WHERE id = $1 FOR SHARE", (values.get("parent_instance_id"),)
    )
    if parent.scalar() == CcInstanceStatus.STOPPED:
        raise Conflict("This instance has stopped and gets no children.", field=f"{prefix}.parentInstanceId")


async def _instance_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """Refuse to start more than `max_parallel_cc` instances of a project (decision 23)."""
    match changes.get("status"):
        case CcInstanceStatus.STOPPED:
            await let_go(connection, [row["id"]])
        case CcInstanceStatus.ERROR:  # it may be heard again, and go on
            await release_claims(connection, [row["id"]])
    if changes.get("status") != CcInstanceStatus.RUNNING or row["status"] == CcInstanceStatus.RUNNING:
        return
    if row["project_id"] is None:
        return
    # The start of an instance holds its project until the commit, so that running ones are counted right.
    held = await connection.exec_driver_sql(
        "SELECT max_parallel_cc, status FROM projects WHERE project_id = $1 FOR NO KEY UPDATE",
        (row["project_id"],),
    )
    project = held.mappings().one()
    limit = project["max_parallel_cc"]
    if project["status"] == ProjectStatus.ARCHIVED:
        raise archived(prefix)
    running = await connection.exec_driver_sql(
        "SELECT count(*) FROM cc_instances WHERE project_id = $1 AND status = 'RUNNING'", (row["project_id"],)
    )
    if limit is not None and running.scalar_one() >= limit:
        raise QuotaExceeded(
            f"The project runs its limit of {limit} instances at a time; stop one, or raise maxParallelCc.",
            field=prefix,
            limit=limit,
        )


async def _instruction_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    """The server itself finds the keyword (decision 26)."""
    values["keyword_detected"] = "ultrathink" in values["instruction_content"].casefold()


CC_INSTANCES: Final = writable(
    CcInstance,
    belongs_by="project_id",
    references=(
        same_project("parent_instance_id", "cc_instances"),
        Reference("socket_id", "websocket_sessions", access=Access.CHANGE),
    ),
    lifecycle=lifecycles.CC_INSTANCE,
    archive=Kept(DIRECTLY),
    before_create=_instance_created,
    before_update=_instance_changed,
)

ULTRATHINK_MESSAGES: Final = writable(
    UltrathinkMessage,
    belongs_by="child_instance_id",
    references=(
        Reference(
            "child_instance_id",
            "cc_instances",
            condition=same_value("parent_instance_id", "parent_instance_id"),
            sentence="An instance instructs its own children.",
        ),
        Reference(
            "task_id",
            "tasks",
            condition=project_of("cc_instances", "child_instance_id"),
            sentence="This task belongs to another project.",
        ),
    ),
    lifecycle=lifecycles.ULTRATHINK_MESSAGE,
    archive=Kept(("parent_instance_id", "child_instance_id", "task_id")),
    before_create=_instruction_created,
)
