"""Instructions from a parent instance to a child, each step stamped (terminal §4.2, decision 26)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from models.enums import CcInstanceStatus, UltrathinkStatus
from services.core.errors import Conflict
from services.writing.action import Action, Transaction
from services.writing.rows import create, lock_row, uuid_key, write_changes
from services.writing.tables import TABLES
from services.writing.values import parameters

_TABLE: Final = TABLES["ultrathink_messages"]


async def send(action: Action, given: Mapping[str, object]) -> UUID:
    """Store an instruction for a child that is alive; `given` is by column name. Gives its key.

    Raises: what `store` does.
    """
    async with action.transaction() as transaction:
        key = transaction.details["key"] = await store(transaction, given)
    return key


async def store(transaction: Transaction, given: Mapping[str, object]) -> UUID:
    """The same within another use case. The server itself looks for the keyword.

    Raises: the errors of `create`, and Conflict when the child has stopped.
    """
    child = given.get("child_instance_id")
    result = await transaction.connection.exec_driver_sql(
        "SELECT status FROM cc_instances WHERE id = $1 FOR KEY SHARE", (child,)
    )
    key = uuid_key(await create(transaction, "ultrathink_messages", given))
    if result.scalar() == CcInstanceStatus.STOPPED:
        raise Conflict("This instance has stopped and takes no instructions.", field="input.childInstanceId")
    return key


async def advance(
    action: Action,
    message_id: UUID,
    status: UltrathinkStatus,
    response: str | None = None,
) -> None:
    """Move an instruction on: acknowledged, executing, completed or failed; each step stamps its time.

    Repeating a step changes nothing. Raises: NotFound, Forbidden, and Conflict for a step that does not
    follow.
    """
    async with action.transaction(key=message_id, status=status.name) as transaction:
        row = await lock_row(transaction, _TABLE, message_id)
        if row["status"] == status:
            return
        given: dict[str, object] = {"status": status}
        if response is not None:
            given["response_content"] = response
        changes = await parameters(_TABLE, given, "input", transaction.vault)
        await write_changes(transaction, _TABLE, row, changes, "input")
