"""Rows that a viewer may see, as SQL predicates; administrators read without them.

Each table has a tuple of rules, and a row is visible when any of them holds. A table without rules is for
administrators; a table that is not listed is not readable through the API at all.

A viewer is given as an SQL expression (`$1::int`, `v.user_id`), so that the same text serves one viewer or a
whole set of them. Subqueries do not depend on the row, so PostgreSQL can turn them into semi-joins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import DateTime

from models.base import Base


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who reads: `user_id` is users.id; administrators see every row."""

    user_id: int
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """The row names the viewer in `column`."""

    column: str


def sql_columns(sql: str) -> frozenset[str]:
    """The columns that the SQL of a rule, as it is declared, takes from {row}."""
    return frozenset(re.findall(r"\{row\}\.(\w+)", sql))


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that speaks of the row as {row} and of the viewer as {viewer}.

    `columns` are those of the row by which it decides; `by_viewer` says whether people see different things.
    """

    sql: str
    columns: frozenset[str] = field(init=False)
    by_viewer: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", sql_columns(self.sql))
        object.__setattr__(self, "by_viewer", "{viewer}" in self.sql)


@dataclass(frozen=True, slots=True)
class Through:
    """The row that `column` points to, `table`.`key`, is visible, or where there is `only`, fulfils that."""

    column: str
    table: str
    key: str
    only: Condition | None = None


@dataclass(frozen=True, slots=True)
class Among:
    """The row's `column` is a `key` of the rows that `source` finds, SQL that speaks of {viewer}."""

    column: str
    key: str
    source: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """SQL that is true or false of a row, and the columns of the row by which it decides."""

    sql: str
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Everybody:
    """No condition."""


Rule = Own | Through | Condition | Among | Everybody
Way = Own | Through | Among
"""A rule that leads from keys, which the viewer may see, to rows by a column that an index has."""

_NAMED = "jsonb_build_array(jsonb_build_object('user_id', {viewer}))"
_COLLABORATOR = "{row}.collaborators @> " + _NAMED
MEMBER = "({row}.owner_id = {viewer} OR " + _COLLABORATOR + ")"
"""Owners and collaborators of a project, whatever their role (client §3.3.1)."""

IN_PROJECT_OF_MEMBER = Among(
    "project_id", "projects.id", "projects WHERE " + MEMBER.replace("{row}", "projects")
)
SHARED_WITH = Among(
    "session_id",
    "shared.session_id",
    "collaboration_sessions AS shared"
    " JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id"
    " WHERE part.user_id = {viewer} AND part.state = 'joined'"
    " AND (shared.expires_at IS NULL OR shared.expires_at > now())",
)
HOSTED_OR_JOINED = (
    "SELECT shared.id FROM collaboration_sessions AS shared"
    " WHERE shared.host_user_id = {viewer}"
    " OR shared.session_id IN (SELECT sessions.session_id FROM sessions WHERE sessions.user_id = {viewer})"
    " OR shared.id IN (SELECT part.collaboration_session_id FROM collaboration_participants AS part"
    " WHERE part.user_id = {viewer})"
)
TO_EVERYBODY = Condition("({row}.socket_id IS NULL AND {row}.project_id IS NULL)")
TO_PROJECT = Condition(
    "({row}.socket_id IS NULL AND {row}.project_id IN (SELECT projects.project_id FROM projects WHERE "
    + MEMBER.replace("{row}", "projects")
    + " OR projects.is_public))"
)

_MEMBERS_PROJECT = "SELECT projects.project_id FROM projects WHERE " + MEMBER.replace("{row}", "projects")
OF_MEMBER = Condition(MEMBER)
OF_PROJECT_OF_MEMBER = Condition("{row}.project_id IN (" + _MEMBERS_PROJECT + ")")

THROUGH_PROJECT = (Through("project_id", "projects", "project_id"),)
THROUGH_INSTANCE = Through("cc_instance_id", "cc_instances", "id")
THROUGH_TASK = Through("task_id", "tasks", "id")
# What is compared fastest stands first: PostgreSQL asks in this order.
PROJECT = (Own("owner_id"), Condition("{row}.is_public"), Condition(_COLLABORATOR))
OWN = (Own("user_id"),)

RULES: MappingProxyType[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "users": (Everybody(),),
        "auth_tokens": OWN,
        "projects": PROJECT,
        "sessions": (Own("user_id"), IN_PROJECT_OF_MEMBER, SHARED_WITH),
        "worktrees": (Own("user_id"), IN_PROJECT_OF_MEMBER),
        "worktree_sync_history": (Through("source_worktree_id", "worktrees", "worktree_id"),),
        "collaboration_sessions": (
            Condition("{row}.id IN (" + HOSTED_OR_JOINED + ")"),
            Condition("{row}.is_public"),
        ),
        "collaboration_participants": (
            Own("user_id"),
            Condition("{row}.collaboration_session_id IN (" + HOSTED_OR_JOINED + ")"),
        ),
        "project_invitations": (
            Own("user_id"),
            Own("invited_by"),
            Condition(
                "{row}.project_id IN (SELECT projects.id FROM projects WHERE projects.owner_id = {viewer})"
            ),
        ),
        "notification_settings": OWN,
        "notification_history": OWN,
        "file_operations": (Through("session_id", "sessions", "session_id"),),
        "system_logs": OWN,
        "system_settings": (Condition("{row}.is_public"),),
        "websocket_sessions": OWN,
        "websocket_notifications": (
            Through("socket_id", "websocket_sessions", "id"),
            TO_PROJECT,
            TO_EVERYBODY,
        ),
        "cc_instances": THROUGH_PROJECT,
        "tasks": THROUGH_PROJECT,
        "requirements": THROUGH_PROJECT,
        "features": THROUGH_PROJECT,
        "git_worktrees": (*THROUGH_PROJECT, THROUGH_INSTANCE, THROUGH_TASK),
        "task_dependencies": (THROUGH_TASK,),
        "ultrathink_messages": (
            Through("parent_instance_id", "cc_instances", "id"),
            Through("child_instance_id", "cc_instances", "id"),
            THROUGH_TASK,
        ),
        "mcp_messages": (THROUGH_INSTANCE,),
        # The second is the instance of the message, where that is another one (models/tool_calls.py).
        "mcp_tool_calls": (THROUGH_INSTANCE, Through("message_instance_id", "cc_instances", "id")),
        "cc_logs": (THROUGH_INSTANCE, THROUGH_TASK),
        "task_logs": (THROUGH_TASK, THROUGH_INSTANCE),
        "projects_archive": PROJECT,
        "tasks_archive": (Through("project_id", "projects_archive", "project_id"),),
        "mcp_messages_archive": (Through("project_id", "projects_archive", "project_id"),),
        "task_execution_efficiency": THROUGH_PROJECT,
        "active_cc_instances": THROUGH_PROJECT,
        "readonly_project_stats": (Through("id", "projects", "project_id"),),
        "mcp_message_stats": (),
        "parallel_execution_stats": (),
        "error_summary": (),
        "backup_runs": (),
        # What work costs and what it may do is not for the readers of a public project.
        "cc_usage": (Own("user_id"), Through("project_id", "projects", "project_id", OF_MEMBER)),
        "cc_permission_requests": (
            Own("user_id"),
            Through("cc_instance_id", "cc_instances", "id", OF_PROJECT_OF_MEMBER),
        ),
        "maintenance_runs": (),
        "system_health": (),
        "system_queues": (),
        "table_partitions": (),
        "table_sizes": (),
    }
)

KEPT_IN_STEP = MappingProxyType({"mcp_tool_calls": Through("message_id", "mcp_messages", "id")})
"""What a rule says of a table by another column, which triggers keep in step with this one."""

PERSON = MappingProxyType({"users": "id"})
"""Tables with private columns, and the column that says whose they are."""


UNBOUNDED = frozenset(
    {
        "sessions",
        "worktrees",
        "worktree_sync_history",
        "file_operations",
        "mcp_messages",
        "mcp_tool_calls",
        "cc_logs",
        "task_logs",
        "ultrathink_messages",
        "cc_usage",
        "cc_permission_requests",
    }
)
"""Tables of which a person may see a small part, that grow with the number of people or for ever."""

SMALL = 200
"""Rows that are found sooner from what they lead to than by walking through a table."""


def visible(
    table_name: str, alias: str, viewer: str, *, one_by_one: bool = False, at_first: bool = False
) -> str:
    """A predicate that is true for the rows of `alias` that `viewer` may see.

    `one_by_one` says that rows are met in an order of their own, and only until enough of them are visible.
    PostgreSQL is then left the choice between looking up what each row leads to and gathering all that is
    visible beforehand; a semi-join through several tables would look up each row, which takes five times as
    long where few of them are visible.

    `at_first` says that the other conditions take long (models/search.py), and are to be asked of visible
    rows only. PostgreSQL asks the cheapest condition first, but all conditions before a join.

    >>> visible("cc_instances", "c", "$1::int")[:60]
    'c.project_id IN (SELECT projects.project_id FROM projects WH'
    """
    rules = RULES[table_name]
    if not rules:
        return "false"
    if len(rules) > 1:
        return f"({' OR '.join(_text(rule, alias, viewer) for rule in rules)})"
    (rule,) = rules
    if not isinstance(rule, Through):
        return _text(rule, alias, viewer)
    if at_first or (one_by_one and any(isinstance(further, Through) for further in RULES[rule.table])):
        return f"{_text(rule, alias, viewer)} IS TRUE"
    return (
        f"{alias}.{rule.column} IN (SELECT {rule.table}.{rule.key} FROM {rule.table}"
        f" WHERE {_led_to(rule, viewer)})"
    )


def _led_to(rule: Through, viewer: str) -> str:
    """A predicate that is true for the rows of a rule's table through which others are visible."""
    if rule.only is not None:
        return asked_of(rule.only.sql, rule.table, viewer)
    return visible(rule.table, rule.table, viewer)


def _text(rule: Rule, alias: str, viewer: str) -> str:
    if isinstance(rule, Through):
        return (
            f"EXISTS (SELECT FROM {rule.table} WHERE {rule.table}.{rule.key} = {alias}.{rule.column}"
            f" AND {_led_to(rule, viewer)})"
        )
    return row_condition(rule, alias, viewer)


def row_condition(rule: Everybody | Own | Among | Condition, alias: str, viewer: str) -> str:
    """The SQL of a rule that asks the row itself."""
    match rule:
        case Own(column):
            return f"{alias}.{column} = {viewer}"
        case Among(column, key, source):
            return f"EXISTS (SELECT FROM {asked_of(source, alias, viewer)} AND {key} = {alias}.{column})"
        case Condition(sql):
            return asked_of(sql, alias, viewer)
        case _:
            return "true"


def asked_of(sql: str, alias: str, viewer: str) -> str:
    """The SQL of a condition for a row and a viewer.

    What a parameter is compared with is made once for the statement by its subquery; PostgreSQL makes it anew
    for each row otherwise, which takes longer than the comparison.
    """
    if viewer.startswith("$"):
        sql = sql.replace(_NAMED, f"(SELECT {_NAMED})")
    return sql.replace("{row}", alias).replace("{viewer}", viewer)


HANDFULS = frozenset({"sessions"})
"""Tables of which a person sees so few rows that an index is asked for each of them."""


@dataclass(frozen=True, slots=True)
class SmallSet:
    """SQL that finds the rows of a table from the `sets` of keys that a viewer may see.

    `few` is a query for one boolean: whether there are at most `SMALL` of them. The others are predicates
    that hold for the same rows as the function `visible`: `gathered` is answered from indexes, `among` is
    for rows that are met one by one. Of `parts` one holds for each visible row, and no two. `handful` says
    that the keys of the sets are few, and `sets` are the names of the sets.
    """

    sets: tuple[str, ...]
    few: str
    gathered: str
    among: str
    parts: tuple[str, ...]
    handful: bool


def visible_keys(way: Way, viewer: str) -> str:
    """A query for the keys to which a column leads where a viewer may see the row."""
    if isinstance(way, Own):
        return f"SELECT {viewer} AS key"
    if isinstance(way, Among):
        return f"SELECT {way.key} AS key FROM {asked_of(way.source, '', viewer)}"
    keys = f"SELECT {way.table}.{way.key} AS key FROM {way.table} WHERE "
    if way.table in HANDFULS and way.only is None:
        # Rule by rule, each from its index: PostgreSQL would ask all rules of every row of the table.
        return " UNION ".join(keys + _text(rule, way.table, viewer) for rule in RULES[way.table])
    return keys + _led_to(way, viewer)


def ways(table_name: str) -> tuple[Way, ...]:
    """The columns through which the rows of a table of `UNBOUNDED` are visible; none for other tables."""
    if table_name not in UNBOUNDED:
        return ()
    return tuple(rule for rule in RULES[table_name] if isinstance(rule, Way))


def small_set(table_name: str, alias: str, sets: Mapping[str, str]) -> SmallSet:
    """Rows of a table of `UNBOUNDED` that are found by the keys a person may see, where these are few.

    `sets` are names of `visible_keys`, by the column that leads to them.
    """
    # Set by set, each from its index, until there are too many.
    found = " UNION ALL ".join(
        f"(SELECT FROM (SELECT key FROM {keys} OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM {table_name}"
        f" AS one WHERE one.{column} = led.key{_newest_first(table_name, column)} LIMIT {SMALL + 1}) AS one)"
        for column, keys in sets.items()
    )
    picked = [f"{alias}.{column} = ANY(ARRAY(SELECT key FROM {keys}))" for column, keys in sets.items()]
    # Compared with a truth value, for PostgreSQL would join the set instead of asking it.
    asked = [f"({alias}.{column} IN (SELECT key FROM {keys})) IS TRUE" for column, keys in sets.items()]
    parts = [
        " AND ".join([one, *(f"({other}) IS NOT TRUE" for other in asked[:place])])
        for place, one in enumerate(picked)
    ]
    return SmallSet(
        sets=tuple(sets.values()),
        few=f"SELECT count(*) <= {SMALL} AS few FROM (SELECT FROM ({found}) AS one LIMIT {SMALL + 1}) AS one",
        gathered=f"({' OR '.join(picked)})",
        among=f"({' OR '.join(asked)})",
        parts=tuple(parts)
        if len({way.table for way in ways(table_name) if isinstance(way, Through)}) <= 1
        else (),
        handful=all(
            isinstance(way, Own) or (isinstance(way, Through) and way.table in HANDFULS)
            for way in ways(table_name)
        ),
    )


def _newest_first(table_name: str, column: str) -> str:
    """The order by which the rows of a key are read from their newest end, where an index has it.

    At the old end of a log an index leads past what maintenance has removed, millions of rows perhaps.
    """
    for index in Base.metadata.tables[table_name].indexes:
        match list(index.columns), len(index.expressions):
            case [first, second], 2 if first.name == column and isinstance(second.type, DateTime):
                return f" ORDER BY one.{second.name} DESC"
    return ""


def deciding_columns(table_name: str) -> frozenset[str]:
    """The columns of a table by which these rules decide on its rows."""
    return frozenset(column for rule in RULES[table_name] for column in columns_of(rule))


def columns_of(rule: Rule) -> frozenset[str]:
    """The columns of the row by which a rule decides."""
    match rule:
        case Own(column) | Through(column, _, _) | Among(column, _, _):
            return frozenset({column})
        case Condition():
            return rule.columns
        case _:
            return frozenset()


def is_by_viewer(table_name: str) -> bool:
    """True if the predicate of `visible` names the viewer: some rows are there for all or for none."""
    return any(_names_viewer(rule) for rule in RULES[table_name])


def _names_viewer(rule: Rule) -> bool:
    match rule:
        case Own() | Among():
            return True
        case Condition():
            return rule.by_viewer
        case Through():
            return is_by_viewer(rule.table) if rule.only is None else rule.only.by_viewer
        case _:
            return False


def is_everybodys(table_name: str) -> bool:
    """True if every viewer sees every row, so that no predicate is needed."""
    return any(isinstance(rule, Everybody) for rule in RULES[table_name])


def is_owners(table_name: str) -> bool:
    """True if each viewer sees the rows that name them and no others, which are few of a large table."""
    return all(isinstance(rule, Own) for rule in RULES[table_name])


def shows_rows_behind(table_name: str, column: str, target: str, key: str) -> bool:
    """True if a visible row's `column` can only point to a visible row of `target`."""
    return is_everybodys(target) or RULES[table_name] == (Through(column, target, key),)


def follows(table_name: str, column: str, target: str, key: str) -> bool:
    """True if rows whose `column` points to a visible row of `target` are visible themselves."""
    way = Through(column, target, key)
    return is_everybodys(table_name) or way in RULES[table_name] or KEPT_IN_STEP.get(table_name) == way


def private_to(table_name: str, alias: str, viewer: str) -> str:
    """A predicate that is true where `viewer` is the person whom private columns of the row are about."""
    return f"{alias}.{PERSON[table_name]} = {viewer}"
