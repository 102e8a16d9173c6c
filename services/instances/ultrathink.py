"""Instructions from a parent instance to a child, each step stamped (terminal §4.2, decision 26)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from models.enums import CcInstanceStatus, UltrathinkStatus
from services.core.database import WriteConnection
from services.core.errors import Conflict
from services.core.principal import Principal
from services.writing.rows import apply, create, hold
from services.writing.tables import TABLES
from services.writing.values import parameters

_TABLE: Final = TABLES["ultrathink_messages"]


async def send(connection: WriteConnection, principal: Principal, given: Mapping[str, object]) -> UUID:
    """Store an instruction for a child that is alive; `given` is by column name. Gives its key.

    The server itself looks for the keyword. Raises the errors of `create`, and `Conflict` when the child
    has stopped.
    """
    child = given.get("child_instance_id")
    result = await connection.exec_driver_sql(
        "SELECT status FROM cc_instances WHERE id = $1 FOR KEY SHARE", (child,)
    )
    key: UUID = await create(connection, principal, "ultrathink_messages", given)
    if result.scalar() == CcInstanceStatus.STOPPED:
        raise Conflict("This instance has stopped and takes no instructions.", field="input.childInstanceId")
    return key


async def advance(
    connection: WriteConnection,
    principal: Principal,
    message_id: UUID,
    status: UltrathinkStatus,
    response: str | None = None,
) -> None:
    """Move an instruction on: acknowledged, executing, completed or failed; each step stamps its time.

    Repeating a step changes nothing. Raises `NotFound`, `Forbidden`, and `Conflict` for a step that does not
    follow.
    """
    row = await hold(connection, principal, _TABLE, message_id)
    if row["status"] == status:
        return
    given: dict[str, object] = {"status": status}
    if response is not None:
        given["response_content"] = response
    changes = await parameters(_TABLE, given, "input")
    await apply(connection, _TABLE, message_id, row, changes, "input")
