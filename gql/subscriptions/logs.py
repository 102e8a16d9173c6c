"""`logAppended`: what instances, tasks and the server log, as it is written."""

from collections.abc import Collection

from gql.subscriptions.streams import PROJECT, SUBTREE, Argument, RowField, Stream, Value
from gql.subscriptions.values import TYPE_NAMES, now
from gql.subscriptions.watched import routed
from gql.types.builder import derived_enum
from gql.types.types import CATALOG
from models.enums import LogLevel, SystemLogLevel
from services.feed.events import ChangeEvent
from services.feed.logs import LOG_TABLES
from services.feed.topics import PositionedEvent

TABLES = {table.name: table for table in LOG_TABLES}

derived_enum(
    "LogTable",
    {table.upper(): (table, CATALOG.types[TYPE_NAMES[table]].description) for table in TABLES},
    "A table of log entries.",
)

_LEVELS = {
    **{level.value: level for level in LogLevel},
    **{level.name: level for level in LogLevel},
    SystemLogLevel.CRITICAL.value: LogLevel.FATAL,
}
"""The levels of all three tables as one scale: what the server calls CRITICAL is as grave as FATAL."""


def _level(event: ChangeEvent) -> LogLevel:
    return _LEVELS[now(event, TABLES[event.table].level)]


def _category(event: ChangeEvent) -> str:
    return str(now(event, TABLES[event.table].category))


def _message(event: ChangeEvent) -> str:
    return str(now(event, "message"))


def _has_level(event: ChangeEvent, levels: Collection[str]) -> bool:
    return _level(event).value in levels


def _has_category(event: ChangeEvent, categories: Collection[str]) -> bool:
    return _category(event) in categories


def _contains(event: ChangeEvent, text: str) -> bool:
    return text.casefold() in _message(event).casefold()


def _is_of_task(event: ChangeEvent, task_id: object) -> bool:
    return bool(now(event, "task_id") == str(task_id))


def _table_of(found: PositionedEvent) -> str:
    return found.event.table.upper()


LOG_APPENDED = Stream(
    field="logAppended",
    event="LogEvent",
    description="New log entries of instances, of tasks and of the server.",
    event_description="A log entry was written.",
    tables=frozenset(TABLES),
    table_choice="tables",
    arguments=(
        Argument("tables", "Optional[List[LogTable]]", "Only entries of these tables."),
        PROJECT,
        routed("instanceId", "UUID", "Only entries of this instance."),
        SUBTREE,
        Argument("taskId", "Optional[UUID]", "Only entries about this task.", _is_of_task),
        routed("userId", "Int", "Only entries of the server's log that concern this person."),
        Argument(
            "levels",
            "Optional[List[LogLevel]]",
            "Only entries of these levels; FATAL is CRITICAL too.",
            _has_level,
        ),
        Argument(
            "categories",
            "Optional[List[String]]",
            "Only entries of these categories as `category` spells them.",
            _has_category,
        ),
        Argument(
            "contains", "Optional[String]", "Only entries with this in their text, in either case.", _contains
        ),
    ),
    fields=(
        Value("table", "LogTable", "The table of the entry.", _table_of),
        Value(
            "level", "LogLevel", "Its severity; CRITICAL is FATAL.", lambda found: _level(found.event).name
        ),
        Value(
            "category",
            "String",
            "Its category, such as `mcp`; of a task's entry the phase, such as `execution`.",
            lambda found: _category(found.event),
        ),
        Value("message", "String", "Its text.", lambda found: _message(found.event)),
        RowField(
            "log",
            "Node",
            "The entry; null when it is gone.",
            types={name: TYPE_NAMES[name] for name in TABLES},
        ),
    ),
)
