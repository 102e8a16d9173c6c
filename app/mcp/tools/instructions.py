"""Ultrathink messages: send_instruction, get_instructions, answer_instruction."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import MESSAGE_FIELDS, MessageRow, rows_of
from app.mcp.tool import tool
from app.mcp.values import PAGE, WHOLE, ByName, Cursor, Given, Instance, Key, Listed, Told
from models.enums import UltrathinkInstructionType, UltrathinkStatus
from services.core.errors import Conflict, NotFound
from services.instances import ultrathink

_ONE: Final = f"query Message($id: UUID!) {{ ultrathinkMessage(by: {{id: $id}}) {{ {MESSAGE_FIELDS} }} }}"
_PAGE: Final = f"""
query Messages($where: UltrathinkMessageWhere!, $first: Int!, $after: String) {{
  ultrathinkMessages(first: $first, after: $after, where: $where, orderBy: [{{sentAt: ASC}}, {{id: ASC}}]) {{
    totalCount edges {{ cursor node {{ {MESSAGE_FIELDS} }} }} pageInfo {{ endCursor hasNextPage }}
  }}
}}
"""
_ANSWERED_BEFORE: Final = "The instruction had come so far before: the first response counts."
_STEPS: Final = (UltrathinkStatus.ACKNOWLEDGED, UltrathinkStatus.EXECUTING, UltrathinkStatus.COMPLETED)
"""The way of an instruction that is carried out."""


class SendInstruction(Given):
    """An instruction to a child."""

    child_instance_id: Annotated[UUID, Field(description="The child.")]
    instruction: Annotated[str, Field(min_length=1, description="What it is to do.")]
    type: Annotated[UltrathinkInstructionType, ByName(UltrathinkInstructionType)] = (
        UltrathinkInstructionType.TASK_ASSIGNMENT
    )
    task_id: Annotated[UUID | None, Field(description="The task it is about.")] = None
    instance: Annotated[UUID | None, Field(description="The parent: you, when left out.")] = None
    idempotency_key: Key = None


class GetInstructions(Given):
    """Which instructions are asked for."""

    instance: Instance = None
    which: Annotated[
        Literal["open", "received", "sent"],
        Field(description="Those you have not ended; all that you received; those you sent to children."),
    ] = "open"
    limit: Annotated[int, Field(ge=1, le=PAGE), WHOLE] = PAGE
    after: Cursor = None


class AnswerInstruction(Given):
    """How far an instruction has come."""

    message_id: UUID
    status: Annotated[UltrathinkStatus, ByName(UltrathinkStatus)] = UltrathinkStatus.COMPLETED
    response: Annotated[str | None, Field(description="What you answer to the parent.")] = None


class MessageNow(Told):
    """The message as it is now."""

    message: MessageRow

    def text(self) -> str:
        """The same in words."""
        return f"Message {self.message.id} is {self.message.status}."


class Messages(Listed):
    """Messages, oldest first."""

    count: int
    messages: list[MessageRow]

    def rows(self) -> list[MessageRow]:
        """The messages."""
        return self.messages

    def text(self) -> str:
        """The same in words."""
        lines = [f"{self.count} instructions."]
        lines += [
            f"- {one.id} ({one.instruction_type}, {one.status}): {one.instruction_content[:300]}"
            for one in self.messages
        ]
        if self.next:
            lines.append(str(self.hint))
        return "\n".join(lines)


@tool("Send an instruction")
async def send_instruction(call: Call, given: SendInstruction) -> MessageNow:
    """Send an ultrathink message to a child of yours: a task, a question how far it is, or the request
    to end. The child reads it with get_instructions; you read its answer with get_instructions and
    `which` = sent.
    """
    values: dict[str, object] = {
        "parent_instance_id": call.instance(given.instance),
        "child_instance_id": given.child_instance_id,
        "instruction_type": given.type,
        "instruction_content": given.instruction,
    }
    if given.task_id is not None:
        values["task_id"] = given.task_id
    key = call.key("message", given.idempotency_key)
    if key is not None:
        known = await _found(call, key)
        if known is not None:
            if (known.child_instance_id, known.instruction_content) != (
                given.child_instance_id,
                given.instruction,
            ):
                raise Conflict(
                    "Another instruction was sent with this key; choose a new one.", field="idempotencyKey"
                )
            return MessageNow(message=known)
        values["id"] = key
    return await _now(call, await ultrathink.send(call.action, values))


@tool("Read instructions", read_only=True)
async def get_instructions(call: Call, given: GetInstructions) -> Messages:
    """Read the ultrathink messages that your parent sent you, oldest first, or with `which` = sent
    those you sent and what was answered. Call it at the start and between tasks.
    """
    instance = {"eq": str(call.instance(given.instance))}
    where: dict[str, Any] = (
        {"parentInstanceId": instance} if given.which == "sent" else {"childInstanceId": instance}
    )
    if given.which == "open":
        where["status"] = {"notIn": ["COMPLETED", "FAILED"]}
    found = (await call.reads.read(_PAGE, where=where, first=given.limit, after=given.after))[
        "ultrathinkMessages"
    ]
    return Messages(
        count=found["totalCount"],
        messages=[MessageRow.model_validate(row) for row in rows_of(found)],
    ).paged(found)


@tool("Answer an instruction", idempotent=True)
async def answer_instruction(call: Call, given: AnswerInstruction) -> MessageNow:
    """Say how far an instruction of your parent has come: ACKNOWLEDGED, EXECUTING, COMPLETED or FAILED,
    with `response`. Steps between are taken by themselves. The same again changes nothing.
    """
    before = await _found(call, given.message_id)
    if before is None:
        raise NotFound("There is no instruction with this key that you may see.", field="messageId")
    for step in _between(UltrathinkStatus[before.status], given.status):
        await ultrathink.advance(call.action, given.message_id, step)
    await ultrathink.advance(call.action, given.message_id, given.status, given.response)
    now = await _now(call, given.message_id)
    if before.status == given.status.name and given.response not in (None, before.response_content):
        now.hint = _ANSWERED_BEFORE
    return now


def _between(before: UltrathinkStatus, wanted: UltrathinkStatus) -> tuple[UltrathinkStatus, ...]:
    """The steps before the one that is wanted, which are still to be taken."""
    if wanted not in _STEPS or before not in (UltrathinkStatus.SENT, *_STEPS):
        return ()
    begin = 0 if before is UltrathinkStatus.SENT else _STEPS.index(before) + 1
    return _STEPS[begin : _STEPS.index(wanted)]


async def _found(call: Call, key: UUID) -> MessageRow | None:
    row = (await call.reads.read(_ONE, id=str(key)))["ultrathinkMessage"]
    return None if row is None else MessageRow.model_validate(row)


async def _now(call: Call, key: UUID) -> MessageNow:
    row = await _found(call, key)
    if row is None:
        raise NotFound("There is no instruction with this key that you may see.", field="messageId")
    return MessageNow(message=row)
