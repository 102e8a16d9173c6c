"""Sessions: startSession, stopSession, failSession, touchSession."""

import strawberry
from strawberry import UNSET, Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.types.types import table_type
from models.enums import SessionStatus
from services.sessions import sessions
from services.sessions.sessions import SessionMove

Session = table_type("Session")

KEY = "Key of the session."


@strawberry.input(description="A session that starts, or that has come up.")
class StartSessionInput:
    id: int = strawberry.field(description=KEY)
    is_up: bool = strawberry.field(
        default=False, description="False while it is STARTING; true once it is RUNNING."
    )
    container_id: str | None = strawberry.field(default=UNSET, description="Container that runs it.")
    claude_session_id: str | None = strawberry.field(default=UNSET, description="Id that Claude gave it.")


@strawberry.input(description="A session that stops, or that has come down.")
class StopSessionInput:
    id: int = strawberry.field(description=KEY)
    is_down: bool = strawberry.field(
        default=True, description="False while it is STOPPING; true once it is STOPPED."
    )


@strawberry.input(description="A session that went wrong.")
class FailSessionInput:
    id: int = strawberry.field(description=KEY)
    reason: str | None = strawberry.field(default=None, description="What happened, for the audit log.")


@strawberry.input(description="A session that is in use.")
class TouchSessionInput:
    id: int = strawberry.field(description=KEY)


@strawberry.type
class _WithSession:
    row_id: Private[int]

    @strawberry.field(description="The session as it is now.")
    async def session(self, info: Info) -> Session:  # type: ignore[valid-type]
        return await load_row(info, "Session", self.row_id)


@strawberry.type(description="The session that starts.")
class StartSessionPayload(_WithSession):
    pass


@strawberry.type(description="The session that stops.")
class StopSessionPayload(_WithSession):
    pass


@strawberry.type(description="The session that went wrong.")
class FailSessionPayload(_WithSession):
    pass


@strawberry.type(description="The session that is in use.")
class TouchSessionPayload(_WithSession):
    pass


@strawberry.type
class SessionMutations:
    @strawberry.mutation(
        description="Start a session: STARTING, then RUNNING with `isUp`. Repeating it changes nothing."
    )
    async def start_session(self, info: Info, input: StartSessionInput) -> StartSessionPayload:
        status = SessionStatus.RUNNING if input.is_up else SessionStatus.STARTING
        known = {
            name: getattr(input, name)
            for name in ("container_id", "claude_session_id")
            if getattr(input, name) is not UNSET
        }
        await sessions.move(action_of(info), SessionMove(input.id, status, known))
        return StartSessionPayload(row_id=input.id)

    @strawberry.mutation(
        description="Stop a session: STOPPED, or STOPPING while it comes down. Repeating it changes nothing."
    )
    async def stop_session(self, info: Info, input: StopSessionInput) -> StopSessionPayload:
        status = SessionStatus.STOPPED if input.is_down else SessionStatus.STOPPING
        await sessions.move(action_of(info), SessionMove(input.id, status, {}))
        return StopSessionPayload(row_id=input.id)

    @strawberry.mutation(description="Mark a session as gone wrong: ERROR.")
    async def fail_session(self, info: Info, input: FailSessionInput) -> FailSessionPayload:
        await sessions.fail(action_of(info), input.id, input.reason)
        return FailSessionPayload(row_id=input.id)

    @strawberry.mutation(description="Note that a session is in use: sets `lastAccessed`.")
    async def touch_session(self, info: Info, input: TouchSessionInput) -> TouchSessionPayload:
        await sessions.touch(action_of(info), input.id)
        return TouchSessionPayload(row_id=input.id)
