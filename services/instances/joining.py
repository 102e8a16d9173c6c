"""An agent that begins to work in a project: its instance is there, and runs."""

from dataclasses import dataclass
from uuid import UUID

from models.enums import CcInstanceStatus
from services.core.errors import Conflict
from services.writing.action import Action
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import create, lock_row, uuid_key, write_changes
from services.writing.tables import TABLES

_TABLE = TABLES["cc_instances"]

_KNOWN = "SELECT 1 FROM cc_instances t WHERE t.id = $1 AND {viewer} IS NOT NULL AND {seen}"


@dataclass(frozen=True, slots=True)
class Joining:
    """The instance that begins to work, and its project. `instance_id` None lets the server choose one."""

    project_id: UUID
    name: str
    instance_id: UUID | None = None
    parent_instance_id: UUID | None = None


async def join(action: Action, who: Joining) -> UUID:
    """Let an instance run in a project, made when it is not there, and return its key. Twice is once.

    Raises: the errors of `create`, Conflict for an instance of another project or one that has stopped,
    QuotaExceeded when the project has no room (`maxParallelCc`).
    """
    try:
        return await _join(action, who)
    except Conflict:
        if who.instance_id is None:
            raise
    return await _join(action, who)  # the same call at the same moment may have made it


async def _join(action: Action, who: Joining) -> UUID:
    async with action.transaction(projectId=who.project_id) as transaction:
        connection, principal = transaction.connection, transaction.principal
        seen, _ = predicates(principal, "cc_instances")
        found = await connection.exec_driver_sql(
            _KNOWN.format(viewer=VIEWER, seen=seen), (who.instance_id, principal.user_id)
        )
        key = who.instance_id
        if key is None or found.first() is None:
            given: dict[str, object] = {"project_id": who.project_id, "name": who.name}
            if who.instance_id is not None:
                given["id"] = who.instance_id
            if who.parent_instance_id is not None:
                given["parent_instance_id"] = who.parent_instance_id
            key = uuid_key(await create(transaction, "cc_instances", given))
        row = await lock_row(transaction, _TABLE, key, "input.ccInstanceId")
        if row["project_id"] != who.project_id:
            raise Conflict(
                "This instance works in another project: leave the project out to go on there, "
                "or join as another instance.",
                field="input.projectId",
            )
        if row["status"] != CcInstanceStatus.RUNNING:
            await write_changes(transaction, _TABLE, row, {"status": CcInstanceStatus.RUNNING}, "input")
        transaction.details["key"] = key
    return key
