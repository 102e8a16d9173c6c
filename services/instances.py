"""Claude Code instances: start, idle, stop, fail, each along the documented lines (terminal §4.1)."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from models.enums import CcInstanceStatus
from services.database import WriteConnection
from services.principal import Principal
from services.writing.rows import apply, hold
from services.writing.tables import TABLES

_TABLE: Final = TABLES["cc_instances"]


@dataclass(frozen=True, slots=True)
class InstanceMove:
    """What an instance becomes, and what is known with it."""

    instance_id: UUID
    status: CcInstanceStatus
    process_id: str | None = None
    exit_code: int | None = None


async def move(connection: WriteConnection, principal: Principal, wanted: InstanceMove) -> None:
    """Change an instance's status and stamp the time of the step; repeating a step changes nothing.

    Raises `NotFound` or `Forbidden` for the instance, `Conflict` for a step that makes no sense (decision
    24: STOPPED never runs again), `QuotaExceeded` when `max_parallel_cc` of the project are running.
    """
    row = await hold(connection, principal, _TABLE, wanted.instance_id)
    if row["status"] == wanted.status:
        return
    changes: dict[str, object] = {"status": wanted.status}
    if wanted.process_id is not None:
        changes["process_id"] = wanted.process_id
    if wanted.exit_code is not None:
        changes["exit_code"] = wanted.exit_code
    await apply(connection, _TABLE, wanted.instance_id, row, changes, "input")
