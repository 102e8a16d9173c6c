"""Declarations of projects."""

from collections.abc import Mapping
from typing import Any, Final

from models import Project
from models.enums import ProjectStatus
from services.core.database import WriteConnection
from services.core.errors import Conflict
from services.writing.archived import archived
from services.writing.declaration import Moved, Values, writable
from services.writing.declarations.of_project import DIRECTLY


async def _project_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    if values.get("status") == ProjectStatus.ARCHIVED:
        raise Conflict("A new project is not archived; use archiveProject later.", field=f"{prefix}.status")


async def _project_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """Archiving is more than a status: it has a time, and maintenance goes by it (decision 22)."""
    if row["status"] == ProjectStatus.ARCHIVED:
        raise archived(prefix)
    if changes.get("status") == ProjectStatus.ARCHIVED:
        raise Conflict("Use archiveProject for this.", field=f"{prefix}.status")


PROJECTS: Final = writable(
    Project,
    archive=Moved(DIRECTLY),
    before_create=_project_created,
    before_plain_update=_project_changed,
)
