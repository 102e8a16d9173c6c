"""Resources: a task, an instance, a project as JSON."""

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from mcp_types import Resource, ResourceTemplate

from app.mcp.rows import INSTANCE_FIELDS, MESSAGE_FIELDS, PROJECT_FIELDS, TASK_FIELDS

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. `selection` is what is told of the row `root` whose key is `$id`."""

    name: str
    title: str
    root: str
    key: str
    selection: str
    description: str

    @property
    def template(self) -> str:
        """The URIs of this kind."""
        return f"ccgraph://{self.name}/{{id}}"

    @property
    def query(self) -> str:
        """The document that reads it."""
        return f"query Resource($id: UUID!) {{ found: {self._field} }}"

    @property
    def live(self) -> str:
        """The document that follows it."""
        return f"subscription Resource($id: UUID!) {{ live {{ found: {self._field} }} }}"

    @property
    def _field(self) -> str:
        return f"{self.root}(by: {{{self.key}: $id}}) {{ {self.selection} }}"


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "tasks",
            "A task",
            "task",
            "id",
            f"{TASK_FIELDS} estimatedDurationMinutes actualDurationMinutes isReady"
            " blockedBy(first: 20) { nodes { id name status } }"
            " blocks(first: 20) { nodes { id name status } }",
            "A task with its instruction, input and output, and what it waits for.",
        ),
        Kind(
            "instances",
            "An instance",
            "ccInstance",
            "id",
            f"{INSTANCE_FIELDS} children(first: 20) {{ nodes {{ id name status }} }}"
            " assignedTasks(first: 20, where: {status: {eq: RUNNING}}) { nodes { id name leaseExpiresAt } }"
            " receivedUltrathinkMessages(first: 20, where: {status: {notIn: [COMPLETED, FAILED]}})"
            f" {{ nodes {{ {MESSAGE_FIELDS} }} }}",
            "A Claude Code instance with its children, its tasks and its open instructions.",
        ),
        Kind(
            "projects",
            "A project",
            "project",
            "projectId",
            f"{PROJECT_FIELDS} tasks {{ groups(by: [STATUS]) {{ key {{ status }} count }} }}"
            " ccInstances(first: 20, where: {status: {neq: STOPPED}}) { nodes { id name status } }",
            "A project with the number of its tasks by status and its instances.",
        ),
    )
}

TEMPLATES: Final = [
    ResourceTemplate(
        name=kind.name,
        title=kind.title,
        uri_template=kind.template,
        description=kind.description,
        mime_type=JSON,
    )
    for kind in KINDS.values()
]

PROJECTS: Final = """
query Projects($after: String) {
  projects(
    first: 20, after: $after, orderBy: [{name: ASC}, {projectId: ASC}], where: {status: {neq: ARCHIVED}}
  ) { nodes { projectId name description } pageInfo { endCursor hasNextPage } }
}
"""

_URI: Final = re.compile(r"ccgraph://([a-z]+)/([0-9a-fA-F-]{36})")


def found(uri: str) -> tuple[Kind, UUID] | None:
    """The kind and the id that a URI names; None for a URI of another form."""
    match = _URI.fullmatch(uri)
    if match is None or match[1] not in KINDS:
        return None
    try:
        return KINDS[match[1]], UUID(match[2])
    except ValueError:
        return None


def listed(project: dict[str, Any]) -> Resource:
    """A project as a resource."""
    return Resource(
        name=project["name"],
        title=project["name"],
        uri=f"ccgraph://projects/{project['projectId']}",
        description=project["description"],
        mime_type=JSON,
    )
