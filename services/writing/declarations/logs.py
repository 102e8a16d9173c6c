"""Declarations of logs, which are appended to."""

from typing import Final

from models import CcLog, SystemLog, TaskLog
from services.writing.declaration import Reference, Unlinked, writable
from services.writing.declarations.of_project import project_of

_LINKS: Final = Unlinked(("cc_instance_id", "task_id"), ("cc_instance_id", "task_id"))

SYSTEM_LOGS: Final = writable(SystemLog, append_only=True)

CC_LOGS: Final = writable(
    CcLog,
    append_only=True,
    belongs_by="cc_instance_id",
    references=(
        Reference(
            "task_id",
            "tasks",
            condition=project_of("cc_instances", "cc_instance_id"),
            sentence="This task belongs to another project.",
        ),
    ),
    archive=_LINKS,
)

TASK_LOGS: Final = writable(
    TaskLog,
    append_only=True,
    belongs_by="task_id",
    references=(
        Reference(
            "cc_instance_id",
            "cc_instances",
            condition=project_of("tasks", "task_id"),
            sentence="This instance belongs to another project.",
        ),
    ),
    archive=_LINKS,
)
