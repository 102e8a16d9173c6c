"""The fleet: fleet_status."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import project_of, rows_of
from app.mcp.tool import tool
from app.mcp.values import PAGE, Cursor, Given, Instance, Listed, Part
from services.core.errors import NotFound

_FLEET: Final = """
query Fleet($project: UUID!, $first: Int!, $after: String) {
  projects(first: 1, where: {projectId: {eq: $project}}) { nodes {
    name status maxParallelCc
    tasks { groups(by: [STATUS]) { key { status } count } }
  } }
  ccUsage(where: {projectId: {eq: $project}}) {
    aggregate { sum { inputTokens outputTokens cacheReadTokens cacheCreationTokens costMicroUsd } }
  }
  ccInstances(first: $first, after: $after, where: {projectId: {eq: $project}, status: {neq: STOPPED}},
              orderBy: [{createdAt: ASC}, {id: ASC}]) {
    totalCount
    edges { cursor node {
      id name type status startedAt lastHeartbeat activity activitySince activityDetail
      assignedTasks(first: 2, where: {status: {eq: RUNNING}}) { nodes { id name startedAt leaseExpiresAt } }
      receivedUltrathinkMessages(where: {status: {notIn: [COMPLETED, FAILED]}}) { totalCount }
    } }
    pageInfo { endCursor hasNextPage }
  }
}
"""


class FleetStatus(Given):
    """Which fleet is asked about."""

    project_id: Annotated[
        UUID | None, Field(description="The project; that of your instance when left out.")
    ] = None
    instance: Instance = None
    after: Cursor = None


class Work(Part):
    """A task that an instance holds."""

    id: UUID
    name: str
    started_at: str | None = None
    lease_expires_at: str | None = None


class Member(Part):
    """An instance that lives."""

    id: UUID
    name: str
    type: str
    status: str
    since: str | None = None
    last_heartbeat: str | None = None
    activity: Annotated[str | None, Field(description="What it does now, such as WAITING_PERMISSION.")] = None
    activity_since: str | None = None
    activity_detail: str | None = None
    works_on: list[Work]
    open_instructions: int


class Fleet(Listed):
    """Who does what, who waits, since when, at what cost."""

    project: str
    max_parallel_cc: int | None = None
    tokens_used: Annotated[int | None, Field(description="By all instances, read and written.")] = None
    cost_usd: Annotated[float | None, Field(description="What that cost, partly estimated.")] = None
    tasks: Annotated[dict[str, int], Field(description="How many there are, by status.")]
    count: Annotated[int, Field(description="Instances that live.")]
    instances: list[Member]

    def rows(self) -> list[Member]:
        """The instances."""
        return self.instances

    def text(self) -> str:
        """The same in words."""
        counts = ", ".join(f"{number} {status}" for status, number in sorted(self.tasks.items())) or "none"
        cost = f" {self.tokens_used:,} tokens, {self.cost_usd or 0:.2f} USD." if self.tokens_used else ""
        lines = [f"{self.project}: tasks {counts}; {self.count} instances.{cost}"]
        for one in self.instances:
            work = "; ".join(f"works on {task.name} since {task.started_at}" for task in one.works_on)
            waits = f"; {one.open_instructions} open instructions" if one.open_instructions else ""
            now = f", {one.activity} since {one.activity_since}" if one.activity else ""
            lines.append(f"- {one.name} ({one.id}) {one.status}{now}: {work or 'holds no task'}{waits}")
        if self.next:
            lines.append(str(self.hint))
        return "\n".join(lines)


@tool("See the fleet", read_only=True)
async def fleet_status(call: Call, given: FleetStatus) -> Fleet:
    """See who works on what in a project, who waits, since when, and what it has cost: instances that
    live with their tasks, and how many tasks stand where. Use it to lead others, or to report to a
    person.
    """
    project_id = await project_of(call, given.project_id, given.instance)
    found = await call.reads.read(_FLEET, project=str(project_id), first=PAGE, after=given.after)
    if not found["projects"]["nodes"]:
        raise NotFound("There is no project with this id that you may see.", field="projectId")
    [project] = found["projects"]["nodes"]
    instances = found["ccInstances"]
    spent = {
        name: int(value) for name, value in found["ccUsage"]["aggregate"]["sum"].items() if value is not None
    }
    cost = spent.pop("costMicroUsd", None)
    return Fleet(
        project=project["name"],
        max_parallel_cc=project["maxParallelCc"],
        tokens_used=sum(spent.values()) if spent else None,
        cost_usd=None if cost is None else cost / 1_000_000,
        tasks={group["key"]["status"]: group["count"] for group in project["tasks"]["groups"]},
        count=instances["totalCount"],
        instances=[_member(row) for row in rows_of(instances)],
    ).paged(instances)


def _member(row: dict[str, Any]) -> Member:
    return Member.model_validate(
        {
            **row,
            "since": row["startedAt"],
            "worksOn": row["assignedTasks"]["nodes"],
            "openInstructions": row["receivedUltrathinkMessages"]["totalCount"],
        }
    )
