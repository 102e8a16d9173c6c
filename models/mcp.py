"""Every MCP message, and the tool calls among them (terminal §3.1, §3.2)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FIXED,
    GIVEN,
    HIDDEN,
    Base,
    begins_as,
    created_at,
    time_default_now,
    to_many,
    to_one,
    uuid_key,
)
from models.enums import McpDirection, McpMessageType, McpToolCallStatus
from models.search import SEARCHES
from models.types import Choice, Json, no_json_null, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance


class McpMessage(Base):
    """One JSON-RPC 2.0 message between an instance and an MCP server."""

    __tablename__ = "mcp_messages"
    __table_args__ = (
        one_of("message_type", McpMessageType, "chk_mcp_messages_message_type"),
        one_of("direction", McpDirection, "chk_mcp_messages_direction"),
        Index("idx_mcp_messages_cc_instance", "cc_instance_id"),
        Index("idx_mcp_messages_method", "method"),
        Index("idx_mcp_messages_created_at", "created_at"),
        Index("idx_mcp_messages_type_created", "message_type", "created_at"),
        Index("idx_mcp_messages_processing_time", "processing_time_ms"),
        Index("idx_mcp_messages_cc_method", "cc_instance_id", "method"),
        Index("idx_mcp_messages_rpc", "cc_instance_id", "server_name", "rpc_id"),
        Index(
            "idx_mcp_messages_search",
            text(SEARCHES["mcp_messages"].vector()),
            postgresql_using="gin",
        ),
        Index(
            # The view mcp_message_stats is read in the order of its key, so that a page of it is a few days.
            "idx_mcp_messages_day_method",
            text("((created_at AT TIME ZONE 'UTC')::date)"),
            "method",
        ),
        Index(
            # What compaction looks for; a compacted message leaves the index.
            "idx_mcp_messages_oversized",
            "created_at",
            postgresql_where=text("length(params::text) > 10000 OR length(result::text) > 10000"),
        ),
        {"comment": "MCPツール実行とレスポンスの完全記録"},
    )

    id: Mapped[UUID] = uuid_key("メッセージID (UUID)")
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        comment="関連CCインスタンスID",
        doc="Key of the instance that took part.",
    )
    message_type: Mapped[McpMessageType] = mapped_column(
        Choice(McpMessageType),
        comment="メッセージタイプ (request/response/notification)",
        doc="Kind of message.",
    )
    method: Mapped[str | None] = mapped_column(
        comment="MCPメソッド名", doc="MCP method; a response bears that of its request."
    )
    params: Mapped[Any | None] = mapped_column(
        Json, comment="メソッドパラメータ (JSON)", doc="Parameters of the method, with secrets masked."
    )
    result: Mapped[Any | None] = mapped_column(
        Json, comment="実行結果 (JSON)", doc="Result, with secrets masked."
    )
    error: Mapped[Any | None] = mapped_column(
        Json, comment="エラー情報 (JSON)", doc="Error object of a response."
    )
    rpc_id: Mapped[str | None] = mapped_column(
        comment="JSON-RPC ID", doc="JSON-RPC id, by which a response finds its request."
    )
    server_name: Mapped[str | None] = mapped_column(
        # Each connection counts its own ids: without the server's name two requests of an instance are one.
        comment="MCPサーバー名",
        doc="Name of the MCP server at the other end.",
    )
    direction: Mapped[McpDirection | None] = mapped_column(
        Choice(McpDirection), comment="送信側 (client/server)", doc="Which side sent the message."
    )
    processing_time_ms: Mapped[int | None] = mapped_column(
        comment="処理時間（ミリ秒）", doc="Time from a request to its response, in milliseconds."
    )
    created_at: Mapped[datetime] = created_at("メッセージ作成時刻")

    cc_instance: Mapped[CcInstance | None] = to_one("mcp_messages")
    tool_calls: Mapped[list[McpToolCall]] = to_many("message")


class McpToolCall(Base):
    """One call of an MCP tool, from its request to its answer."""

    __tablename__ = "mcp_tool_calls"
    __table_args__ = (
        one_of("status", McpToolCallStatus, "chk_mcp_tool_calls_status"),
        no_json_null("arguments", "chk_mcp_tool_calls_arguments", "The arguments of a call are not null."),
        Index("idx_mcp_tool_calls_tool_status", "tool_name", "status"),
        Index("idx_mcp_tool_calls_cc_started", "cc_instance_id", "started_at"),
        Index("idx_mcp_tool_calls_message", "message_id"),
        Index("idx_mcp_tool_calls_started", "started_at", "id"),
        Index(
            "idx_mcp_tool_calls_status_started",
            "status",
            "started_at",
            postgresql_include=["cc_instance_id", "message_instance_id"],
        ),
        Index(
            "idx_mcp_tool_calls_cc_tool",
            "cc_instance_id",
            "tool_name",
            postgresql_include=["execution_time_ms"],
        ),
        Index(
            "idx_mcp_tool_calls_message_instance",
            "message_instance_id",
            postgresql_where=text("message_instance_id IS NOT NULL"),
        ),
        {"comment": "create_child_cc等のMCPツール実行ログ"},
    )

    id: Mapped[UUID] = uuid_key("ツール呼び出しID (UUID)")
    message_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("mcp_messages.id", ondelete="SET NULL"),
        info=FIXED,
        comment="関連MCPメッセージID",
        doc="Key of the message that made the call.",
    )
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=FIXED,
        comment="関連CCインスタンスID",
        doc="Key of the instance that made the call.",
    )
    tool_name: Mapped[str] = mapped_column(
        info=GIVEN,
        comment="ツール名 (create_child_cc/get_available_tasks/update_task_status)",
        doc="Name of the tool.",
    )
    arguments: Mapped[Any] = mapped_column(
        Json,
        nullable=False,
        info=GIVEN,
        comment="ツール引数 (JSON)",
        doc="Arguments of the call, with secrets masked.",
    )
    status: Mapped[McpToolCallStatus] = mapped_column(
        Choice(McpToolCallStatus),
        info=GIVEN | begins_as("pending"),
        comment="実行ステータス (pending/running/completed/failed)",
        doc="Where the call stands.",
    )
    started_at: Mapped[datetime] = time_default_now("実行開始時刻", "When the call started.", info=FIXED)
    completed_at: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="実行完了時刻", doc="When the call ended."
    )
    execution_time_ms: Mapped[int | None] = mapped_column(
        info=GIVEN, comment="実行時間（ミリ秒）", doc="How long the call took, in milliseconds."
    )
    result: Mapped[Any | None] = mapped_column(
        Json, info=GIVEN, comment="実行結果 (JSON)", doc="Result, with secrets masked."
    )
    error_details: Mapped[Any | None] = mapped_column(
        Json, info=GIVEN, comment="エラー詳細 (JSON)", doc="Why the call failed."
    )
    retry_count: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=GIVEN,
        comment="リトライ回数",
        doc="How often the call was tried again.",
    )

    server_name: Mapped[str | None] = mapped_column(
        info=BY_SERVER,
        comment="MCPサーバー名",
        doc="Name of the MCP server that offers the tool; null for Claude Code's own tools.",
    )

    message_instance_id: Mapped[UUID | None] = mapped_column(
        # No foreign key: triggers keep it (models/tool_calls.py).
        info=BY_SERVER | HIDDEN,
        comment="メッセージのCCインスタンスID (呼び出し元と異なる場合のみ)",
        doc="Key of the message's instance, where it is not the one that made the call.",
    )

    message: Mapped[McpMessage | None] = to_one("tool_calls")
    cc_instance: Mapped[CcInstance | None] = to_one("mcp_tool_calls")
