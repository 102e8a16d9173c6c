"""Notes an instance's activity, beside its status, as a source that feeds it tells."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from models.enums import CcActivity, CcInstanceStatus
from services.secrets.masking import mask_text
from services.writing.action import Transaction
from services.writing.rows import lock_row, write_changes
from services.writing.tables import TABLES

LONGEST_TEXT: Final = 10_000
"""Characters of a detail or a last message; what is longer is cut."""

LONGEST_NAME: Final = 200
"""Characters of a model's name."""

_TABLE: Final = TABLES["cc_instances"]


@dataclass(frozen=True, slots=True)
class Observed:
    """A look at an instance; None is what was not told. `context_used` is in percent."""

    activity: CcActivity
    detail: str | None = None
    model: str | None = None
    last_message: str | None = None
    context_used: int | None = None


async def note(transaction: Transaction, instance_id: UUID, seen: Observed) -> None:
    """Store what an instance does, with secrets masked. One that is gone has stopped.

    What is not told stays, but for the detail, which belongs to the activity. An activity that goes on keeps
    its time. One that has stopped stays gone.

    Raises: NotFound or Forbidden for the instance.
    """
    row = await lock_row(transaction, _TABLE, instance_id)
    if row["status"] == CcInstanceStatus.STOPPED:
        return
    told: dict[str, Any] = {}
    if seen.model is not None:
        told["model"] = mask_text(seen.model)[:LONGEST_NAME]
    if seen.last_message is not None:
        told["last_message"] = mask_text(seen.last_message)[:LONGEST_TEXT]
    if seen.context_used is not None:
        told["context_used_percent"] = min(max(seen.context_used, 0), 100)
    detail = None if seen.detail is None else mask_text(seen.detail)[:LONGEST_TEXT]
    await transaction.connection.exec_driver_sql(
        noting(told),
        (
            instance_id,
            # Gone follows from the step below, by which the constraint holds.
            (row["activity"] or CcActivity.IDLE) if seen.activity is CcActivity.GONE else seen.activity,
            detail,
            *told.values(),
        ),
    )
    if seen.activity is CcActivity.GONE:
        await write_changes(transaction, _TABLE, row, {"status": CcInstanceStatus.STOPPED}, "input")


def noting(columns: Iterable[str]) -> str:
    """SQL that notes the activity of the instance $1, and further columns from $4 on."""
    assigned = "".join(f", {column} = ${number}" for number, column in enumerate(columns, start=4))
    return (
        "UPDATE cc_instances SET activity = $2, activity_detail = $3,"
        " last_heartbeat = GREATEST(last_heartbeat, now()),"
        " activity_since = CASE WHEN activity = $2 THEN activity_since ELSE now() END"
        f"{assigned} WHERE id = $1"
    )
