"""MCP traffic: recordMcpMessages."""

from uuid import UUID

import strawberry
from strawberry import Private

from gql.execution.loaders import load_row, load_rows
from gql.mutations.action import Info, action_of
from gql.scalars import JSON
from gql.types.types import table_type
from services.mcp.recording import record

McpMessage = table_type("McpMessage")
CcInstance = table_type("CcInstance")


@strawberry.input(description="MCP traffic of one instance.")
class RecordMcpMessagesInput:
    cc_instance_id: UUID = strawberry.field(description="Key of the instance.")
    messages: list[JSON] = strawberry.field(
        description=(
            "1 to 5,000 JSON-RPC 2.0 messages or batches, each as it is, or as a recorder wraps it: "
            "{at, server, direction, message}. With `at` the message keeps its own time; without `server`, "
            "ids of several servers can be mistaken for each other."
        )
    )


@strawberry.type(description="The messages, each stored once however often it was sent.")
class RecordMcpMessagesPayload:
    instance_id: Private[UUID]
    message_ids: Private[tuple[UUID, ...]]
    recorded: int = strawberry.field(description="How many of the messages were new.")

    @strawberry.field(description="How many of the messages had been stored before.")
    def repeated(self) -> int:
        return len(self.message_ids) - self.recorded

    @strawberry.field(description="The rows of the messages, in the order given.")
    async def mcp_messages(self, info: Info) -> list[McpMessage]:  # type: ignore[valid-type]
        return await load_rows(info, "McpMessage", self.message_ids)

    @strawberry.field(description="The instance.")
    async def cc_instance(self, info: Info) -> CcInstance:  # type: ignore[valid-type]
        return await load_row(info, "CcInstance", self.instance_id)


@strawberry.type
class McpMutations:
    @strawberry.mutation(
        description=(
            "Store JSON-RPC messages between an instance and its MCP servers. A response bears the method "
            "of its request and the time between the two; tools/call opens a tool call, its answer ends "
            "it. In any order, in several calls, or twice: the same rows. Secrets are masked."
        )
    )
    async def record_mcp_messages(
        self, info: Info, input: RecordMcpMessagesInput
    ) -> RecordMcpMessagesPayload:
        stored = await record(action_of(info), input.cc_instance_id, input.messages)
        return RecordMcpMessagesPayload(
            instance_id=stored.instance_id, message_ids=stored.message_ids, recorded=stored.recorded
        )
