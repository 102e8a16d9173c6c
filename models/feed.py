"""The change feed: a row for each change that matters to subscribers, and the triggers that write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Table, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import TRUE, Base, transaction_id
from models.types import Json, Xid8


class ChangeEvent(Base):
    """A change of a watched row, written by trigger in the changing transaction."""

    __tablename__ = "change_events"
    __table_args__ = (
        Index("idx_change_events_xid", "xid"),
        {"comment": "変更フィード", "postgresql_partition_by": "RANGE (at)"},
    )

    seq: Mapped[int] = mapped_column(
        BigInteger,
        Identity(always=False),
        primary_key=True,
        comment="連番",
        doc="Number of the change; numbers are handed out before commit.",
    )
    xid: Mapped[int] = transaction_id()
    at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(),
        primary_key=True,
        comment="変更時刻",
        doc="When the row was changed.",
    )
    table_name: Mapped[str] = mapped_column(comment="テーブル名", doc="Table of the row.")
    # No CHECK: the triggers alone write it, and PostgreSQL would parse the list anew for every change.
    op: Mapped[str] = mapped_column(
        comment="操作 (INSERT/UPDATE/DELETE)", doc="What happened to the row: INSERT, UPDATE or DELETE."
    )
    row_key: Mapped[str] = mapped_column(comment="行の主キー (文字列)", doc="Primary key of the row as text.")
    old: Mapped[list[Any] | None] = mapped_column(
        Json, comment="変更前の監視列 (JSON)", doc="Watched columns before the change."
    )
    new: Mapped[list[Any] | None] = mapped_column(
        Json, comment="変更後の監視列 (JSON)", doc="Watched columns after the change."
    )
    project_id: Mapped[UUID | None] = mapped_column(
        comment="プロジェクトID", doc="Id of the project concerned."
    )
    user_id: Mapped[int | None] = mapped_column(comment="ユーザーID", doc="Key of the person concerned.")
    instance_id: Mapped[UUID | None] = mapped_column(
        comment="CCインスタンスID", doc="Key of the instance concerned."
    )
    socket_id: Mapped[UUID | None] = mapped_column(
        comment="WebSocketセッションID", doc="Key of the connection concerned."
    )
    actor_id: Mapped[int | None] = mapped_column(
        comment="操作者ユーザーID",
        doc="Key of the person who made the change; null when it came by plain SQL.",
    )


feed_state = Table(
    "feed_state",
    Base.metadata,
    Column("id", Boolean, primary_key=True, server_default=TRUE, comment="基本キー", doc="Always true."),
    Column(
        "epoch",
        Uuid,
        nullable=False,
        server_default=text("gen_random_uuid()"),
        comment="フィードの世代 (UUID)",
        doc="Changes when the database is restored into another cluster, which ends all cursors.",
    ),
    Column(
        "floor",
        Xid8,
        nullable=False,
        server_default=text("'0'"),
        comment="削除済みイベントの最大トランザクションID",
        doc="No event or log entry that retention removed was written by a later transaction.",
    ),
    CheckConstraint("id", name="chk_feed_state_single"),
    comment="変更フィードの状態",
)
"""One row, and no mapped class: nothing of it is part of the API."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The feed's record of a table, and how an event finds those whom it concerns.

    `columns` are recorded before and after the change, as a JSON array in this order: with their names in
    it an event would cost a fifth more. Events of the last days are in the feed, so a new column goes to
    the end, and none is taken out from before another one. A change of one that is `noticed` is an event,
    too, by which live queries are read again, but its value, which may be long, is not recorded, and no
    stream tells of it. An update that touches neither is no event. The columns that are `often` the ones to
    change are compared first.
    The routing values are SQL in which `{r}` is the row: the new one, or the old one when it is deleted.
    """

    table: str
    columns: tuple[str, ...]
    noticed: tuple[str, ...] = ()
    often: tuple[str, ...] = ("status",)
    key: str = "{r}.id"
    project: str = "NULL"
    user: str = "NULL"
    instance: str = "NULL"
    socket: str = "NULL"
    deletes: bool = True

    @property
    def told(self) -> tuple[str, ...]:
        """All columns whose change is an event."""
        return (*self.columns, *self.noticed)

    @property
    def function(self) -> str:
        """The trigger function. Naming the columns spares the rest of a wide row the way through JSON.

        What an update costs is mostly the setting up of its statement, so that statement does all there is to
        do, and nothing is looked up that the branch already knows. PostgreSQL sets up a condition in every
        transaction that reaches it, and the one that compares all columns takes a fifth of what the event
        does. So it is not reached where one of those that change `often` has changed.
        """
        others = tuple(column for column in self.columns if column not in self.often)
        groups = (columns for columns in (others, self.noticed) if columns)
        unchanged = " AND ".join(
            f"({_of('OLD', group)}) IS NOT DISTINCT FROM ({_of('NEW', group)})" for group in groups
        )
        return f"""
CREATE OR REPLACE FUNCTION ccgraph_feed_{self.table}() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF ({_of("OLD", self.often)}) IS DISTINCT FROM ({_of("NEW", self.often)}) THEN
            NULL;
        ELSIF {unchanged} THEN
            RETURN NULL;
        END IF;
        INSERT INTO change_events (table_name, op, actor_id, old, new, {ROUTING})
        VALUES ('{self.table}', 'UPDATE', {ACTOR}, {self._recorded("OLD")},
            {self._recorded("NEW")}, {self._routing("NEW")});
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO change_events (table_name, op, actor_id, new, {ROUTING})
        SELECT '{self.table}', 'INSERT', {ACTOR}, {self._recorded("changed")}, {self._routing("changed")}
        FROM new_rows AS changed;
    ELSE
        INSERT INTO change_events (table_name, op, actor_id, old, {ROUTING})
        SELECT '{self.table}', 'DELETE', {ACTOR}, {self._recorded("changed")}, {self._routing("changed")}
        FROM old_rows AS changed;
    END IF;
    RETURN NULL;
END
$$
"""

    @property
    def triggers(self) -> Iterator[str]:
        """Rows that come and go are taken by the statement, which is half the work where there are many.

        Updates are taken by the row, and only where a watched column is set; others cost nothing at all.
        The function finds out whether one has changed. In the trigger's WHEN the comparison would cost half
        as much as the event, because PostgreSQL parses its stored form anew for each statement.
        """
        name, call = f"tr_{self.table}_feed", f"EXECUTE FUNCTION ccgraph_feed_{self.table}()"
        yield (
            f"CREATE TRIGGER {name} AFTER INSERT ON {self.table} REFERENCING NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT {call}"
        )
        if self.deletes:
            yield (
                f"CREATE TRIGGER {name}_delete AFTER DELETE ON {self.table} "
                f"REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT {call}"
            )
        yield (
            f"CREATE TRIGGER {name}_update AFTER UPDATE OF {', '.join(self.told)} ON {self.table} "
            f"FOR EACH ROW {call}"
        )

    def _recorded(self, row: str) -> str:
        return f"jsonb_build_array({_of(row, self.columns)})"

    def _routing(self, row: str) -> str:
        values = (f"{self.key}::text", self.project, self.user, self.instance, self.socket)
        return ", ".join(values).format(r=row)


def _of(row: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{row}.{column}" for column in columns)


ACTOR = "NULLIF(current_setting('ccgraph.actor_id', true), '')::integer"
ROUTING = "row_key, project_id, user_id, instance_id, socket_id"
PROJECT_OF_ROW = "(SELECT project_id FROM projects WHERE projects.id = {r}.project_id)"
PROJECT_OF_INSTANCE = "(SELECT project_id FROM cc_instances WHERE cc_instances.id = {r}.cc_instance_id)"

WATCHES = (
    Watch(
        "cc_instances",
        (
            "project_id",
            "name",
            "type",
            "status",
            "parent_instance_id",
            "exit_code",
            "activity",
            "activity_since",
        ),
        noticed=("activity_detail", "model", "last_message", "context_used_percent", "worktree_path"),
        often=("status", "activity", "activity_since"),
        project="{r}.project_id",
        instance="{r}.id",
    ),
    Watch(
        "tasks",
        ("project_id", "parent_task_id", "name", "status", "priority", "task_type", "assigned_to"),
        project="{r}.project_id",
        instance="{r}.assigned_to",
    ),
    Watch(
        "sessions",
        ("session_id", "user_id", "project_id", "worktree_id", "name", "status"),
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
    Watch(
        "worktrees",
        (
            "user_id",
            "project_id",
            "branch_name",
            "commit_hash",
            "status",
            "sync_status",
            "uncommitted_changes",
        ),
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
    Watch(
        "ultrathink_messages",
        ("instruction_type", "status"),
        project="(SELECT project_id FROM cc_instances"
        " WHERE cc_instances.id = COALESCE({r}.child_instance_id, {r}.parent_instance_id))",
        instance="COALESCE({r}.child_instance_id, {r}.parent_instance_id)",
    ),
    Watch(
        "mcp_tool_calls",
        ("tool_name", "status"),
        project=PROJECT_OF_INSTANCE,
        instance="{r}.cc_instance_id",
    ),
    Watch(
        "cc_permission_requests",
        ("user_id", "tool_name", "held_until", "decision", "answered_by"),
        often=("held_until", "decision"),
        project=PROJECT_OF_INSTANCE,
        user="{r}.user_id",
        instance="{r}.cc_instance_id",
    ),
    Watch(
        "websocket_notifications",
        ("socket_id", "project_id", "event_type", "event_name", "delivery_status", "retry_count"),
        often=("delivery_status", "retry_count"),
        project="{r}.project_id",
        socket="{r}.socket_id",
    ),
    Watch(
        "notification_history",
        ("user_id", "session_id", "notification_type", "service_type", "priority", "status", "retry_count"),
        user="{r}.user_id",
        # Rows leave by retention only.
        deletes=False,
    ),
    Watch(
        "projects",
        ("name", "project_type", "status", "owner_id", "is_public", "collaborators", "max_parallel_cc"),
        project="{r}.project_id",
        user="{r}.owner_id",
    ),
    Watch(
        "collaboration_participants",
        ("collaboration_session_id", "user_id", "state"),
        often=("state",),
        project="(SELECT projects.project_id FROM collaboration_sessions JOIN sessions USING (session_id)"
        " JOIN projects ON projects.id = sessions.project_id"
        " WHERE collaboration_sessions.id = {r}.collaboration_session_id)",
        user="{r}.user_id",
    ),
    Watch(
        "project_invitations",
        ("project_id", "user_id", "invited_by", "role", "state"),
        often=("state",),
        project=PROJECT_OF_ROW,
        user="{r}.user_id",
    ),
)

RECORDED = MappingProxyType({watch.table: watch.columns for watch in WATCHES})
"""The columns of `change_events.old` and `.new` by table, in their order."""


def recorded(table: str, values: Sequence[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    """The values that `change_events.old` or `.new` tells of a row of a table, by column.

    Events from before migration 33 bear the names themselves.
    """
    if isinstance(values, Mapping):
        return values
    # An event from before a column was recorded has fewer values.
    return dict(zip(RECORDED[table], values, strict=False))


def recorded_text(table: str, column: str, side: Literal["old", "new"]) -> str:
    """SQL for the text of a recorded column in a row of `change_events`.

    >>> recorded_text("tasks", "status", "new")
    "COALESCE(new ->> 3, new ->> 'status')"
    """
    return f"COALESCE({side} ->> {RECORDED[table].index(column)}, {side} ->> '{column}')"


FUNCTIONS = tuple(watch.function for watch in WATCHES)
TRIGGERS = tuple(trigger for watch in WATCHES for trigger in watch.triggers)
