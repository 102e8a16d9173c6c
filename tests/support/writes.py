"""Random writes through the API: rows of every table in every form, and the product's own verbs."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB

from gql.planner.column_types import ColumnType, kind_of
from gql.planner.names import upper_first
from gql.types.types import CATALOG
from models import metadata
from services.writing.declaration import WritableColumn, WritableTable
from services.writing.tables import TABLES
from tests.support.plain.ledger import Snapshot
from tests.support.plain.visibility import Row

Given = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A mutation with its input; `table` and `row` are what it is aimed at, where it names one row."""

    field: str
    given: Given
    table: str | None = None
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """A mutation that names a row of `table` by `column`, as `argument`; `more` is the rest of its input.

    `about_oneself`: it changes what the caller is to the row, and not the row.
    """

    field: str
    table: str
    more: Callable[["WriteWriter"], Given] = lambda _: {}
    argument: str = "id"
    column: str = "id"
    about_oneself: bool = False


def _person(writer: "WriteWriter") -> Given:
    return {"userId": writer.key("users", "id")}


def _role(writer: "WriteWriter") -> Given:
    return {**_person(writer), "role": writer.chance.choice(["EDITOR", "VIEWER"])}


def _holder(writer: "WriteWriter") -> Given:
    return {"ccInstanceId": writer.key("cc_instances", "id")}


def _email(writer: "WriteWriter") -> Given:
    return {"patch": {"email": f"p{writer.chance.random()}@example.com"}}


VERBS = (
    *(Verb(f"{step}CcInstance", "cc_instances") for step in ("start", "idle", "stop", "fail", "terminate")),
    Verb(
        "createChildCc",
        "cc_instances",
        lambda writer: {"instance": {"name": "child"}, "task": {"name": "t", "taskType": "TESTING"}},
        "parentInstanceId",
    ),
    Verb("claimNextTask", "cc_instances", argument="ccInstanceId"),
    *(
        Verb(field, "tasks", _holder, "taskId")
        for field in ("claimTask", "reportTaskProgress", "completeTask", "failTask", "releaseTask")
    ),
    *(
        Verb(f"{step}UltrathinkMessage", "ultrathink_messages")
        for step in ("acknowledge", "start", "complete", "fail")
    ),
    Verb(
        "answerPermissionRequest",
        "cc_permission_requests",
        lambda writer: {"decision": writer.chance.choice(["ALLOW", "DENY"]), "message": "m"},
    ),
    Verb(
        "recordMcpMessages",
        "cc_instances",
        lambda writer: {"messages": [{"jsonrpc": "2.0", "id": writer.chance.random(), "method": "ping"}]},
        "ccInstanceId",
    ),
    Verb("addCollaborator", "projects", _role),
    Verb("changeCollaboratorRole", "projects", _role),
    Verb("removeCollaborator", "projects", _person),
    Verb("transferProject", "projects", lambda writer: {"newOwnerId": writer.key("users", "id")}),
    *(Verb(f"{step}Invitation", "project_invitations") for step in ("accept", "decline", "withdraw")),
    Verb("archiveProject", "projects"),
    Verb("restoreProject", "projects"),
    *(Verb(f"{step}Session", "sessions") for step in ("start", "stop", "fail", "touch")),
    Verb("shareSession", "sessions", argument="sessionId", column="session_id"),
    Verb("endSharedSession", "collaboration_sessions", argument="collaborationSessionId"),
    *(
        Verb(
            f"{step}SharedSession",
            "collaboration_sessions",
            argument="collaborationSessionId",
            about_oneself=True,
        )
        for step in ("join", "leave")
    ),
    *(
        Verb(f"{step}Participant", "collaboration_participants", argument="participantId")
        for step in ("approve", "refuse")
    ),
    Verb("scheduleGitWorktreeCleanup", "git_worktrees"),
    Verb("completeGitWorktreeCleanup", "git_worktrees"),
    Verb("cancelNotification", "notification_history"),
    Verb("retryNotification", "notification_history"),
    Verb("revealProjectEnvironment", "projects"),
    Verb("revealCcInstanceEnvironment", "cc_instances"),
    Verb("revealWebhookSecret", "notification_settings"),
    Verb("revealServiceConfig", "notification_settings"),
    Verb("revealWebhookHeaders", "notification_settings"),
    Verb("revealPushSubscription", "notification_settings"),
    Verb("revealTaskData", "tasks"),
    Verb("updateUser", "users", _email),
    Verb("deactivateUser", "users"),
)


@dataclass(slots=True)
class WriteWriter:
    """Makes up writes to the rows of a snapshot; the same chance makes the same ones."""

    chance: random.Random
    snapshot: Snapshot

    def write(self) -> Write:
        """Any write."""
        if self.chance.random() < 0.35:
            return self._verb(self.chance.choice(VERBS))
        table = self.chance.choice(list(TABLES.values()))
        if table.append_only:
            rows = [self._row(table) for _ in range(self.chance.randint(1, 2))]
            return Write(f"append{_plural(table)}", {"rows": rows})
        kind = self.chance.choice([self._create, self._update, self._update, self._delete, self._some])
        return kind(table)

    def short(self) -> Write:
        """A write of those that are mostly one statement: a row or rows that are new, or a claim."""
        if self.chance.random() < 0.3:
            return self._verb(next(verb for verb in VERBS if verb.field == "claimNextTask"))
        table = self.chance.choice(list(TABLES.values()))
        if table.append_only:
            return Write(f"append{_plural(table)}", {"rows": [self._row(table) for _ in range(2)]})
        return self._create(table)

    def key(self, table: str, column: str) -> Any:
        """The key of some row, now and then of none."""
        rows = list(self.snapshot[table].values())
        if not rows or self.chance.random() < 0.04:
            return UUID(int=self.chance.getrandbits(128)) if _is_uuid(table, column) else 10**6
        return self.chance.choice(rows)[column]

    def _verb(self, verb: Verb) -> Write:
        if verb.about_oneself:
            return Write(verb.field, {verb.argument: self.key(verb.table, verb.column), **verb.more(self)})
        return self._aimed(verb.field, verb.table, verb.argument, verb.column, verb.more(self))

    def _create(self, table: WritableTable) -> Write:
        return Write(f"create{table.type_name}", self._row(table))

    def _update(self, table: WritableTable) -> Write:
        return self._aimed(f"update{table.type_name}", table.name, "id", "id", {"patch": self._patch(table)})

    def _delete(self, table: WritableTable) -> Write:
        return self._aimed(f"delete{table.type_name}", table.name, "id", "id", {})

    def _some(self, table: WritableTable) -> Write:
        keys = [self.key(table.name, "id") for _ in range(self.chance.randint(1, 3))]
        if kind_of(table.key.type) is ColumnType.BIGINT:
            keys = [str(key) for key in keys]
        given: Given = {"where": {"id": {"in": keys}}, "atMost": 5}
        if self.chance.random() < 0.7:
            return Write(f"update{_plural(table)}", {**given, "patch": self._patch(table)})
        return Write(f"delete{_plural(table)}", given)

    def _aimed(self, field: str, table: str, argument: str, column: str, more: Given) -> Write:
        key = self.key(table, column)
        found = (row for row in self.snapshot[table].values() if row[column] == key)
        given = str(key) if table == "notification_history" else key
        return Write(field, {argument: given, **more}, table, next(found, None))

    def _row(self, table: WritableTable) -> Given:
        return {
            column.field: self._value(table, column)
            for column in table.columns.values()
            if column.on_create and (column.required or self.chance.random() < 0.5)
        }

    def _patch(self, table: WritableTable) -> Given:
        columns = [column for column in table.columns.values() if column.on_update]
        chosen = self.chance.sample(columns, min(len(columns), self.chance.randint(1, 3)))
        return {column.field: self._value(table, column) for column in chosen}

    def _value(self, table: WritableTable, column: WritableColumn) -> Any:
        stored = column.column
        if stored.nullable and self.chance.random() < 0.1:
            return None
        for key in stored.foreign_keys:
            return self.key(key.column.table.name, key.column.name)
        if column.name == "filter_rules":
            return {"keywords": ["x"]}
        if column.encrypted and isinstance(stored.type, JSONB):
            return {"A": "b"}
        return _plain(stored, self.chance)


def _plain(column: "Column[Any]", chance: random.Random) -> Any:
    choices = getattr(column.type, "enum_class", None)
    if choices is not None:
        return chance.choice([member.name for member in choices])
    now = datetime.now(UTC)
    values: Mapping[ColumnType, Any] = {
        ColumnType.INT: chance.randint(1, 5),
        ColumnType.BIGINT: str(chance.randint(1, 2**40)),
        ColumnType.BOOLEAN: chance.random() < 0.5,
        ColumnType.UUID: UUID(int=chance.getrandbits(128), version=4),
        ColumnType.DATETIME: (now + timedelta(hours=chance.randint(-5, 5))).isoformat(),
        ColumnType.JSON: chance.choice([{}, {"cpu_limit": 1}, {"a": [1, None, "東京"]}]),
        ColumnType.ADDRESS: "192.0.2.1",
    }
    return values.get(kind_of(column.type), f"text {chance.randint(1, 5)}")


def _plural(table: WritableTable) -> str:
    return upper_first(CATALOG.types[table.type_name].connection)


def _is_uuid(table: str, column: str) -> bool:
    return kind_of(metadata.tables[table].c[column].type) is ColumnType.UUID
