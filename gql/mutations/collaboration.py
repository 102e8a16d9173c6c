"""Shared sessions: shareSession, joinSharedSession, approve and refuse, leave and end."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import UNSET, Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.types.types import table_type
from models.enums import ShareMode
from services.sessions import collaboration

CollaborationSession = table_type("CollaborationSession")
CollaborationParticipant = table_type("CollaborationParticipant")

SHARED_KEY = "Key of the shared session."
PARTICIPANT_KEY = "Key of the participant."


@strawberry.input(description="Which session is shared, and how.")
class ShareSessionInput:
    session_id: UUID = strawberry.field(description="Id of a session of one's own.")
    share_mode: ShareMode | None = strawberry.field(
        default=UNSET, description="What participants may do; READ_ONLY unless given."
    )
    max_participants: int | None = strawberry.field(
        default=UNSET, description="How many may take part at a time, 1 to 20; 5 unless given."
    )
    requires_approval: bool | None = strawberry.field(
        default=UNSET, description="Whether each person is let in by the host; true unless given."
    )
    is_public: bool | None = strawberry.field(
        default=UNSET, description="Whether everybody sees the sharing and may join without the token."
    )
    expires_at: datetime | None = strawberry.field(
        default=UNSET, description="When the sharing ends by itself; never unless given."
    )
    allowed_users: list[int] | None = strawberry.field(
        default=UNSET,
        description="Keys of the people who may join, also without the token; everyone unless given.",
    )


@strawberry.input(description="Which shared session to join: by the token, or by its key.")
class JoinSharedSessionInput:
    access_token: str | None = strawberry.field(default=UNSET, description="The token of the invitation.")
    collaboration_session_id: int | None = strawberry.field(
        default=UNSET, description=f"{SHARED_KEY} For public ones, and for people invited by name."
    )


@strawberry.input(description="Which shared session is meant.")
class SharedSessionInput:
    collaboration_session_id: int = strawberry.field(description=SHARED_KEY)


@strawberry.input(description="Which participant is meant.")
class ParticipantInput:
    participant_id: UUID = strawberry.field(description=PARTICIPANT_KEY)


@strawberry.type
class _WithSharedSession:
    shared_id: Private[int]

    @strawberry.field(description="The shared session.")
    async def collaboration_session(self, info: Info) -> CollaborationSession:  # type: ignore[valid-type]
        return await load_row(info, "CollaborationSession", self.shared_id)


@strawberry.type
class _WithParticipant:
    participant_id: Private[UUID]

    @strawberry.field(description="The participant, with the shared session.")
    async def participant(self, info: Info) -> CollaborationParticipant:  # type: ignore[valid-type]
        return await load_row(info, "CollaborationParticipant", self.participant_id)


@strawberry.type(description="The session that is shared now.")
class ShareSessionPayload(_WithSharedSession):
    access_token: str = strawberry.field(
        description="The token that invites. It is shown this once; its hash alone is stored."
    )


@strawberry.type(description="The sharing that has ended.")
class EndSharedSessionPayload(_WithSharedSession):
    pass


@strawberry.type(description="One's part in the session: JOINED, or REQUESTED until the host approves.")
class JoinSharedSessionPayload(_WithParticipant):
    pass


@strawberry.type(description="The participant who was let in.")
class ApproveParticipantPayload(_WithParticipant):
    pass


@strawberry.type(description="The participant who was turned down.")
class RefuseParticipantPayload(_WithParticipant):
    pass


@strawberry.type(description="The part that has ended.")
class LeaveSharedSessionPayload(_WithParticipant):
    pass


@strawberry.type
class CollaborationMutations:
    @strawberry.mutation(description="Share a session of one's own with other people.")
    async def share_session(self, info: Info, input: ShareSessionInput) -> ShareSessionPayload:
        given = {name: value for name, value in vars(input).items() if value is not UNSET}
        shared = await collaboration.share(action_of(info), given)
        return ShareSessionPayload(shared_id=shared.id, access_token=shared.access_token)

    @strawberry.mutation(
        description="Take part in a shared session, or ask to where the host approves. "
        "Repeating it changes nothing."
    )
    async def join_shared_session(
        self, info: Info, input: JoinSharedSessionInput
    ) -> JoinSharedSessionPayload:
        token, shared_id = input.access_token or None, input.collaboration_session_id or None
        joined = await collaboration.join(action_of(info), token, shared_id)
        return JoinSharedSessionPayload(participant_id=joined)

    @strawberry.mutation(description="Let a person in who asked to join, as the host.")
    async def approve_participant(self, info: Info, input: ParticipantInput) -> ApproveParticipantPayload:
        await collaboration.approve(action_of(info), input.participant_id)
        return ApproveParticipantPayload(participant_id=input.participant_id)

    @strawberry.mutation(
        description="Turn down a person who asked to join, or send a participant away, as the host."
    )
    async def refuse_participant(self, info: Info, input: ParticipantInput) -> RefuseParticipantPayload:
        await collaboration.refuse(action_of(info), input.participant_id)
        return RefuseParticipantPayload(participant_id=input.participant_id)

    @strawberry.mutation(description="End one's own part in a shared session.")
    async def leave_shared_session(self, info: Info, input: SharedSessionInput) -> LeaveSharedSessionPayload:
        left = await collaboration.leave(action_of(info), input.collaboration_session_id)
        return LeaveSharedSessionPayload(participant_id=left)

    @strawberry.mutation(description="End a sharing, as the host: everybody leaves, the token is void.")
    async def end_shared_session(self, info: Info, input: SharedSessionInput) -> EndSharedSessionPayload:
        await collaboration.end(action_of(info), input.collaboration_session_id)
        return EndSharedSessionPayload(shared_id=input.collaboration_session_id)
