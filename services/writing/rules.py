"""What creating or changing a row of a certain table asks for beyond the rules that all tables share."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from models.enums import (
    CcInstanceStatus,
    CcInstanceType,
    ProjectStatus,
    SettingDataType,
    TaskStatus,
)
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict, NotFound, QuotaExceeded
from services.core.json_codec import read_stored, write_stored
from services.writing import quotas, shapes
from services.writing.archived import archived
from services.writing.dependencies import require_no_circle
from services.writing.task_claims import release_claims
from services.writing.values import Unfit

Values = MutableMapping[str, Any]
"""By column name, as they will be stored; a rule may complete them."""

BeforeCreate = Callable[[WriteConnection, Values, str], Awaitable[None]]
"""Called with the values and the prefix of their fields in the input."""

BeforeUpdate = Callable[[WriteConnection, Mapping[str, Any], Values, str], Awaitable[None]]
"""Called with the row as it is (held until the commit), the changes and the prefix of their fields."""


BeforeDelete = Callable[[Mapping[str, Any], str], None]
"""Called with the row as it is (held until the commit) and the field that named it."""


async def _project_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    if values.get("status") == ProjectStatus.ARCHIVED:
        raise Conflict("A new project is not archived; archiveProject does it.", field=f"{prefix}.status")


async def _project_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """Archiving is more than a status: it has a time, and maintenance goes by it (decision 22)."""
    if row["status"] == ProjectStatus.ARCHIVED:
        raise archived(prefix)
    if changes.get("status") == ProjectStatus.ARCHIVED:
        raise Conflict("archiveProject does this.", field=f"{prefix}.status")


async def _session_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await quotas.require_session(connection, values["user_id"])


async def _worktree_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await quotas.require_worktree(connection, values["user_id"], values.get("total_size_bytes") or 0)


async def _worktree_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    more = (changes.get("total_size_bytes") or 0) - (row["total_size_bytes"] or 0)
    await quotas.require_storage(connection, row["user_id"], more)


async def _instance_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    """A CHILD has a parent, a PARENT has none (decision 25); the type follows when it is not given."""
    derived = CcInstanceType.CHILD if values.get("parent_instance_id") else CcInstanceType.PARENT
    if values.setdefault("type", derived) != derived:
        raise BadInput(
            "A CHILD names its parent in `parentInstanceId`, a PARENT has none.", field=f"{prefix}.type"
        )
    # The parent is held, so that no child comes in behind somebody who terminates the whole tree.
    parent = await connection.exec_driver_sql(
        "SELECT status FROM cc_instances WHERE id = $1 FOR SHARE", (values.get("parent_instance_id"),)
    )
    if parent.scalar() == CcInstanceStatus.STOPPED:
        raise Conflict("This instance has stopped and gets no children.", field=f"{prefix}.parentInstanceId")


async def _instance_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """No more than `max_parallel_cc` instances of a project run at a time (decision 23)."""
    if changes.get("status") in (CcInstanceStatus.STOPPED, CcInstanceStatus.ERROR):
        await release_claims(connection, [row["id"]])
    if changes.get("status") != CcInstanceStatus.RUNNING or row["status"] == CcInstanceStatus.RUNNING:
        return
    if row["project_id"] is None:
        return
    # Whoever starts an instance holds its project until the commit, so that running ones are counted right.
    held = await connection.exec_driver_sql(
        "SELECT max_parallel_cc, status FROM projects WHERE project_id = $1 FOR NO KEY UPDATE",
        (row["project_id"],),
    )
    project = held.mappings().one()
    limit = project["max_parallel_cc"]
    if project["status"] == ProjectStatus.ARCHIVED:
        raise archived(prefix)
    running = await connection.exec_driver_sql(
        "SELECT count(*) FROM cc_instances WHERE project_id = $1 AND status = 'RUNNING'", (row["project_id"],)
    )
    if limit is not None and running.scalar_one() >= limit:
        raise QuotaExceeded(
            f"The project runs its limit of {limit} instances at a time; stop one, or raise maxParallelCc.",
            field=prefix,
            limit=limit,
        )


async def _task_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """A claimed task is carried on by its holder, through claim, completion and failure (decision 24)."""
    moved = changes.get("status", row["status"]) != row["status"] or (
        "assigned_to" in changes and changes["assigned_to"] != row["assigned_to"]
    )
    if moved and row["lease_expires_at"] is not None:
        raise Conflict(
            "An instance has claimed this task: completeTask, failTask and releaseTask end the claim.",
            field=prefix,
        )
    if changes.get("status") == TaskStatus.RUNNING and row["status"] != TaskStatus.RUNNING:
        raise Conflict(
            "A task runs once an instance has claimed it: use claimTask.", field=f"{prefix}.status"
        )


async def _dependency_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    field = f"{prefix}.dependencyTaskId"
    if values.get("task_id") is None or values.get("dependency_task_id") is None:
        raise BadInput("Name both tasks: `taskId` depends on `dependencyTaskId`.", field=field)
    await require_no_circle(connection, values["task_id"], values["dependency_task_id"], field)


async def _instruction_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    """The server itself finds the keyword (decision 26)."""
    values["keyword_detected"] = "ultrathink" in values["instruction_content"].casefold()


def _require_filter_rules(values: Values, prefix: str) -> None:
    """A rule that nobody knows would let everything through in silence."""
    if values.get("filter_rules") is None:
        return
    rules = read_stored(values["filter_rules"])
    try:
        known = shapes.filter_rules(rules)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=f"{prefix}.filterRules") from None
    if known.session_ids is not None:
        rules["session_ids"] = sorted(str(session_id) for session_id in known.session_ids)
        values["filter_rules"] = write_stored(rules).decode()


async def _sharing_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await _require_people(connection, values, prefix)
    _require_time_to_come(values, prefix)


async def _sharing_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """A sharing that has ended stays so: its guests were told, and its token is void."""
    if row["expires_at"] is not None and row["expires_at"] <= datetime.now(UTC):
        raise Conflict("This sharing has ended; shareSession begins a new one.", field=prefix)
    await _require_people(connection, changes, prefix)
    _require_time_to_come(changes, prefix)


async def _require_people(connection: WriteConnection, values: Values, prefix: str) -> None:
    """The list of those who may come is a list of people, or it would keep nobody out, or everybody."""
    if values.get("allowed_users") is None:
        return
    field = f"{prefix}.allowedUsers"
    try:
        named = shapes.invited(read_stored(values["allowed_users"]))
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None
    known = await connection.exec_driver_sql("SELECT id FROM users WHERE id = ANY($1)", ([*(named or ())],))
    unknown = (named or frozenset()) - set(known.scalars())
    if unknown:
        raise NotFound(f"There is no user with the id {min(unknown)}.", field=field)


def _require_time_to_come(values: Values, prefix: str) -> None:
    if values.get("expires_at") is not None and values["expires_at"] <= datetime.now(UTC):
        raise BadInput(
            "Choose a time that is yet to come; endSharedSession ends a sharing now.",
            field=f"{prefix}.expiresAt",
        )


async def _wish_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    _require_filter_rules(values, prefix)


async def _wish_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    _require_filter_rules(changes, prefix)


_MOST_DAYS: Final = 36500
_MOST_CHARACTERS: Final = 2**31 - 1

_OF_TYPE: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        SettingDataType.STRING: (str,),
        SettingDataType.NUMBER: (int, float),
        SettingDataType.BOOLEAN: (bool,),
        SettingDataType.ARRAY: (list,),
        SettingDataType.JSON: (object,),
    }
)


def _require_data_type(value: object, data_type: str, prefix: str) -> None:
    fits = isinstance(value, _OF_TYPE[data_type])
    if not fits or (isinstance(value, bool) and data_type == SettingDataType.NUMBER):
        raise BadInput(
            f"The value of this setting is of the type {data_type}.", field=f"{prefix}.settingValue"
        )


def _require_figure(key: str, value: object, prefix: str) -> None:
    """`BadInput` for a retention that is no figure, or with which maintenance would remove what is new."""
    if not key.startswith("retention."):
        return
    most = _MOST_DAYS if key.endswith("_days") else _MOST_CHARACTERS
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 or not 0 <= value <= most:
        raise BadInput(f"A retention is a whole number between 0 and {most}.", field=f"{prefix}.settingValue")


async def _setting_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    data_type = values.get("data_type") or SettingDataType.JSON
    value = read_stored(values["setting_value"])
    _require_data_type(value, data_type, prefix)
    _require_figure(values["setting_key"], value, prefix)


async def _setting_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """Each change raises the version and is signed; the value before it is kept (decision 30)."""
    if not changes:
        return
    if row["is_readonly"]:
        raise Conflict("This setting is read-only.", field=prefix)
    value = read_stored(changes["setting_value"]) if "setting_value" in changes else row["setting_value"]
    _require_data_type(value, changes.get("data_type", row["data_type"]) or SettingDataType.JSON, prefix)
    if "setting_value" in changes:
        _require_figure(row["setting_key"], value, prefix)
    if "setting_value" in changes:
        changes["previous_value"] = write_stored(row["setting_value"]).decode()
    changes["version"] = (row["version"] or 0) + 1
    actor = await connection.exec_driver_sql(
        "SELECT NULLIF(current_setting('ccgraph.actor_id', true), '')::integer"
    )
    changes["updated_by"] = actor.scalar()


def _setting_deleted(row: Mapping[str, Any], field: str) -> None:
    if row["is_readonly"]:
        raise Conflict("This setting is read-only.", field=field)


BEFORE_CREATE: Final[Mapping[str, BeforeCreate]] = MappingProxyType(
    {
        "projects": _project_created,
        "sessions": _session_created,
        "worktrees": _worktree_created,
        "cc_instances": _instance_created,
        "task_dependencies": _dependency_created,
        "ultrathink_messages": _instruction_created,
        "collaboration_sessions": _sharing_created,
        "notification_settings": _wish_created,
        "system_settings": _setting_created,
    }
)

BEFORE_UPDATE: Final[Mapping[str, BeforeUpdate]] = MappingProxyType(
    {
        "worktrees": _worktree_changed,
        "cc_instances": _instance_changed,
        "notification_settings": _wish_changed,
        "system_settings": _setting_changed,
    }
)
"""For every change, also that of a use case."""

BEFORE_PLAIN_UPDATE: Final[Mapping[str, BeforeUpdate]] = MappingProxyType(
    {"projects": _project_changed, "tasks": _task_changed, "collaboration_sessions": _sharing_changed}
)
"""For changes by patch only: what use cases are there for."""

BEFORE_DELETE: Final[Mapping[str, BeforeDelete]] = MappingProxyType({"system_settings": _setting_deleted})
