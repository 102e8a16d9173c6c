"""Rows that a viewer may change, as SQL predicates; `models.policy` says which ones they may see.

A project is changed by its owner; what belongs to a project also by collaborators with the role editor. A
session is changed by the person who runs it; participants of a sharing that lets them change the columns of
it that are open to guests. Administrators change every row: they get no predicate. A table without rules is
left to them and to the server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from models import policy
from models.policy import Condition, Own, Through, asked_of, row_condition, sql_columns
from models.policy import Rule as ReadingRule


@dataclass(frozen=True, slots=True)
class Guests:
    """SQL like that of a `Condition`, for people to whom a row is lent.

    They write what belongs to it and change those of its columns that the model marks as open to guests.
    They change nothing else of it and do not delete it.
    """

    sql: str


Rule = ReadingRule | Guests

EDITOR = "editor"
"""The role of a collaborator who may change what belongs to a project; a `viewer` only looks."""

_BY_EDITORS = Condition(
    "{row}.project_id IN (SELECT editable.project_id FROM projects AS editable"
    " WHERE editable.owner_id = {viewer} OR editable.collaborators @>"
    f" jsonb_build_array(jsonb_build_object('user_id', {{viewer}}::integer, 'role', '{EDITOR}')))"
)
_BY_GUESTS = Guests(
    "{row}.session_id IN (SELECT shared.session_id FROM collaboration_sessions AS shared"
    " JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id"
    " WHERE part.user_id = {viewer} AND part.state = 'joined'"
    " AND shared.share_mode IN ('edit', 'full_control')"
    " AND (shared.expires_at IS NULL OR shared.expires_at > now()))"
)
"""Participants who may do more than look (client §3.2.2)."""

_BY_RUNNER = Condition(
    "{row}.session_id IN (SELECT run.session_id FROM sessions AS run WHERE run.user_id = {viewer})"
)
"""A guest does not decide on who else comes in, nor on what they may do."""

_BY_OWNER_OF_PROJECT = Condition(
    "{row}.project_id IN (SELECT owned.id FROM projects AS owned WHERE owned.owner_id = {viewer})"
)

_THROUGH_INSTANCE = Through("cc_instance_id", "cc_instances", "id")
_THROUGH_TASK = Through("task_id", "tasks", "id")
_THROUGH_SESSION = Through("session_id", "sessions", "session_id")

RULES: MappingProxyType[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "users": (Own("id"),),
        "projects": (Own("owner_id"),),
        "projects_archive": (Own("owner_id"),),
        "worktrees": (Own("user_id"),),
        "worktree_sync_history": (Through("source_worktree_id", "worktrees", "worktree_id"),),
        "sessions": (Own("user_id"), _BY_GUESTS),
        "collaboration_sessions": (Own("host_user_id"), _BY_RUNNER),
        "file_operations": (_THROUGH_SESSION,),
        "project_invitations": (Own("user_id"), Own("invited_by"), _BY_OWNER_OF_PROJECT),
        "notification_settings": (Own("user_id"),),
        "notification_history": (Own("user_id"),),
        "websocket_sessions": (Own("user_id"),),
        "websocket_notifications": (_BY_EDITORS, Through("socket_id", "websocket_sessions", "id")),
        "cc_instances": (_BY_EDITORS,),
        "tasks": (_BY_EDITORS,),
        "git_worktrees": (_BY_EDITORS,),
        "requirements": (_BY_EDITORS,),
        "features": (_BY_EDITORS,),
        "task_dependencies": (_THROUGH_TASK,),
        "mcp_messages": (_THROUGH_INSTANCE,),
        "mcp_tool_calls": (_THROUGH_INSTANCE,),
        "ultrathink_messages": (
            Through("parent_instance_id", "cc_instances", "id"),
            Through("child_instance_id", "cc_instances", "id"),
        ),
        "cc_permission_requests": (Own("user_id"), _THROUGH_INSTANCE),
        "cc_logs": (_THROUGH_INSTANCE, _THROUGH_TASK),
        "task_logs": (_THROUGH_TASK, _THROUGH_INSTANCE),
    }
)


def changeable(table_name: str, alias: str, viewer: str) -> str:
    """SQL that is true for the rows of `alias` which the user with id `viewer` may change.

    `viewer` is an SQL expression (`$1::int`). Whether a row may be seen is for the reading policy to say.
    """
    texts = [_text(rule, alias, viewer) for rule in RULES.get(table_name, ())]
    return f"({' OR '.join(texts)})" if texts else "false"


def fully_changeable(table_name: str, alias: str, viewer: str) -> str:
    """The same for the rows of which the user may change every column, and which they may delete.

    It is the text of `changeable` where the rules know of no guests.
    """
    texts = [
        _text(rule, alias, viewer, of=fully_changeable)
        for rule in RULES.get(table_name, ())
        if not isinstance(rule, Guests)
    ]
    return f"({' OR '.join(texts)})" if texts else "false"


def deciding_columns(table_name: str) -> frozenset[str]:
    """The columns of a table by which these rules decide on its rows."""
    return frozenset(column for rule in RULES.get(table_name, ()) for column in columns_of(rule))


def columns_of(rule: Rule) -> frozenset[str]:
    """The columns of the row by which a rule decides."""
    return sql_columns(rule.sql) if isinstance(rule, Guests) else policy.columns_of(rule)


def _text(rule: Rule, alias: str, viewer: str, of: Callable[[str, str, str], str] = changeable) -> str:
    match rule:
        case Through(column, table, key):
            return f"{alias}.{column} IN (SELECT {table}.{key} FROM {table} WHERE {of(table, table, viewer)})"
        case Guests(sql):
            return asked_of(sql, alias, viewer)
        case _:
            return row_condition(rule, alias, viewer)
