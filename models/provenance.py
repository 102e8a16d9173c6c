"""Sources of the rows that digestion makes, field by field, so that a lesser one does not overwrite them."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, Uuid, text

from models.base import Base
from models.types import Json

cc_provenance = Table(
    "cc_provenance",
    Base.metadata,
    Column(
        "session_id",
        Uuid,
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
        comment="セッションID (UUID)",
        doc="Id of the session, with which all of it goes.",
    ),
    Column(
        "kind",
        Text,
        primary_key=True,
        comment="対象の種別",
        doc="What it is: session, instance, tool, task, worktree, request, log, file, spent, kin.",
    ),
    Column("id", Uuid, primary_key=True, comment="対象の行のID", doc="Key of the row that was made."),
    Column(
        "name",
        Text,
        nullable=False,
        comment="Claude Code内での名前",
        doc="What Claude Code calls it: the id of an agent, of a tool use, of a task.",
    ),
    Column(
        "told",
        Json,
        nullable=False,
        comment="項目ごとの情報源の重み (JSON)",
        doc="By field: the weight of what was told of it, and the value where the row does not hold it.",
    ),
    Index(
        "idx_cc_provenance_line",
        text("(told #>> '{line,1}')"),
        postgresql_where=text("kind IN ('kin', 'log', 'spent')"),
    ),
    comment="取り込んだ情報の出所",
)
"""No mapped class: nothing of it is part of the API."""
