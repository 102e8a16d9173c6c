"""Ultrathink: sendUltrathinkMessage, and the steps by which a child carries it out."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import Private

from gql.mutations.action import Info, action_of
from gql.mutations.inputs import by_column, part_of
from gql.mutations.payloads import row
from models.enums import UltrathinkStatus
from services.instances.ultrathink import advance, send

SendUltrathinkMessageInput: Any = part_of(
    "ultrathink_messages",
    "SendUltrathinkMessageInput",
    "An instruction from a parent instance to a child of its own.",
    without=("status", "response_content"),
)


@strawberry.input(description="Which instruction is meant, and what the child says to it.")
class UltrathinkStepInput:
    id: UUID = strawberry.field(description="Key of the message.")
    response_content: str | None = strawberry.field(default=None, description="What the child answers.")


@strawberry.type
class _WithMessage:
    key: Private[UUID]
    ultrathink_message = row("UltrathinkMessage", "key", "The message as it is now.")


@strawberry.type(description="The message that was sent.")
class SendUltrathinkMessagePayload(_WithMessage):
    pass


@strawberry.type(description="The message that the child has received.")
class AcknowledgeUltrathinkMessagePayload(_WithMessage):
    pass


@strawberry.type(description="The message that the child carries out.")
class StartUltrathinkMessagePayload(_WithMessage):
    pass


@strawberry.type(description="The message that was carried out.")
class CompleteUltrathinkMessagePayload(_WithMessage):
    pass


@strawberry.type(description="The message that could not be carried out.")
class FailUltrathinkMessagePayload(_WithMessage):
    pass


@strawberry.type
class UltrathinkMutations:
    @strawberry.mutation(description="Send an instruction to a child; the server finds the keyword.")
    async def send_ultrathink_message(
        self, info: Info, input: SendUltrathinkMessageInput
    ) -> SendUltrathinkMessagePayload:
        key = await send(action_of(info), by_column("ultrathink_messages", input))
        return SendUltrathinkMessagePayload(key=key)

    @strawberry.mutation(description="The child has received the instruction.")
    async def acknowledge_ultrathink_message(
        self, info: Info, input: UltrathinkStepInput
    ) -> AcknowledgeUltrathinkMessagePayload:
        await advance(action_of(info), input.id, UltrathinkStatus.ACKNOWLEDGED, input.response_content)
        return AcknowledgeUltrathinkMessagePayload(key=input.id)

    @strawberry.mutation(description="The child has begun to carry the instruction out.")
    async def start_ultrathink_message(
        self, info: Info, input: UltrathinkStepInput
    ) -> StartUltrathinkMessagePayload:
        await advance(action_of(info), input.id, UltrathinkStatus.EXECUTING, input.response_content)
        return StartUltrathinkMessagePayload(key=input.id)

    @strawberry.mutation(description="The child has carried the instruction out.")
    async def complete_ultrathink_message(
        self, info: Info, input: UltrathinkStepInput
    ) -> CompleteUltrathinkMessagePayload:
        await advance(action_of(info), input.id, UltrathinkStatus.COMPLETED, input.response_content)
        return CompleteUltrathinkMessagePayload(key=input.id)

    @strawberry.mutation(description="The child could not carry the instruction out.")
    async def fail_ultrathink_message(
        self, info: Info, input: UltrathinkStepInput
    ) -> FailUltrathinkMessagePayload:
        await advance(action_of(info), input.id, UltrathinkStatus.FAILED, input.response_content)
        return FailUltrathinkMessagePayload(key=input.id)
