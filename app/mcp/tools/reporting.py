"""Tools by which agents report while they work: report_progress, log."""

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import read_task
from app.mcp.tool import tool
from app.mcp.tools.claims import HeldTask, TaskNow
from app.mcp.values import ByName, Data, Given, Instance, LeaseSeconds, Told
from models.enums import CcLogCategory, LogLevel
from services.tasks import tasks
from services.tasks.leases import LEASE
from services.tasks.tasks import Report
from services.writing.table_actions import append_rows

_SECONDS: Final = int(LEASE.total_seconds())


class ReportProgress(HeldTask):
    """How far a task has come."""

    message: Annotated[str, Field(min_length=1, description="What you have done, and what comes next.")]
    data: Annotated[Data, Field(description='Figures, such as {"percent": 40}.')] = None
    lease_seconds: LeaseSeconds = _SECONDS


class Log(Given):
    """A line for the log."""

    message: Annotated[str, Field(min_length=1)]
    level: Annotated[LogLevel, ByName(LogLevel)] = LogLevel.INFO
    category: Annotated[CcLogCategory, ByName(CcLogCategory)] = CcLogCategory.SYSTEM
    task_id: Annotated[UUID | None, Field(description="The task it is about.")] = None
    data: Annotated[Data, Field(description="Details: any JSON.")] = None
    instance: Instance = None


class Logged(Told):
    """The line is in the log."""

    id: UUID
    instance: UUID

    def text(self) -> str:
        """The same in words."""
        return f"Logged under instance {self.instance}."


@tool("Report progress")
async def report_progress(call: Call, given: ReportProgress) -> TaskNow:
    """Say how far a task has come that you hold: it is logged with the task, people see it at once, and
    your claim is renewed. Use it every few minutes of work.
    """
    said = Report(given.task_id, call.instance(given.instance), given.message, given.data)
    await tasks.report(call.action, said, timedelta(seconds=given.lease_seconds))
    return TaskNow(task=await read_task(call, given.task_id))


@tool("Write to the log")
async def log(call: Call, given: Log) -> Logged:
    """Write a line to the log of your instance: decisions, findings, errors that are about no task that
    you hold. For progress of a task use report_progress. Secrets are masked.
    """
    instance = call.instance(given.instance)
    row: dict[str, object] = {
        "cc_instance_id": instance,
        "log_level": given.level,
        "category": given.category,
        "message": given.message,
    }
    if given.task_id is not None:
        row["task_id"] = given.task_id
    if given.data is not None:
        row["details"] = given.data
    (key,) = await append_rows(call.action, "cc_logs", [row])
    return Logged(id=UUID(str(key)), instance=instance)
