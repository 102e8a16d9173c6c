"""Projects: collaborators, invitations, transfer, archiving and restoring."""

from uuid import UUID

import strawberry
from strawberry import Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.types.builder import enum_type
from gql.types.types import table_type
from models.enums import CollaboratorRole
from services.projects import archiving, collaborators, invitations, restoring

Project = table_type("Project")
ProjectInvitation = table_type("ProjectInvitation")

KEY = "Key of the project."
USER = "Key of the person."
ROLE = "EDITOR changes what belongs to the project, VIEWER looks."

enum_type(CollaboratorRole)


@strawberry.input(description="Who is asked to work on which project.")
class AddCollaboratorInput:
    id: int = strawberry.field(description=KEY)
    user_id: int = strawberry.field(description=USER)
    role: CollaboratorRole = strawberry.field(default=CollaboratorRole.VIEWER, description=ROLE)


@strawberry.input(description="Which collaborator gets which role.")
class ChangeCollaboratorRoleInput:
    id: int = strawberry.field(description=KEY)
    user_id: int = strawberry.field(description=USER)
    role: CollaboratorRole = strawberry.field(description=ROLE)


@strawberry.input(description="Who is to leave which project.")
class RemoveCollaboratorInput:
    id: int = strawberry.field(description=KEY)
    user_id: int = strawberry.field(description=USER)


@strawberry.input(description="To whom the project is offered.")
class TransferProjectInput:
    id: int = strawberry.field(description=KEY)
    new_owner_id: int = strawberry.field(description="Key of the person who is to own it.")
    keep_as: CollaboratorRole | None = strawberry.field(
        default=None, description="Role in which the former owner stays; null for none."
    )


@strawberry.input(description="Which invitation is meant.")
class InvitationKeyInput:
    id: UUID = strawberry.field(description="Key of the invitation.")


@strawberry.input(description="Which project is meant.")
class ProjectKeyInput:
    id: int = strawberry.field(description=KEY)


@strawberry.type
class _WithProject:
    row_id: Private[int]

    @strawberry.field(description="The project as it is now; null when one may not see it any more.")
    async def project(self, info: Info) -> Project | None:  # type: ignore[valid-type]
        return await load_row(info, "Project", self.row_id)


@strawberry.type
class _WithInvitation(_WithProject):
    invitation_id: Private[UUID | None]

    @strawberry.field(
        description="What the person may accept or decline; null when no one needs to be asked, as where an "
        "administrator decides."
    )
    async def invitation(self, info: Info) -> ProjectInvitation | None:  # type: ignore[valid-type]
        if self.invitation_id is None:
            return None
        return await load_row(info, "ProjectInvitation", self.invitation_id)


@strawberry.type
class _WithAnswer:
    invitation_id: Private[UUID]

    @strawberry.field(description="The invitation as it is now.")
    async def invitation(self, info: Info) -> ProjectInvitation:  # type: ignore[valid-type]
        return await load_row(info, "ProjectInvitation", self.invitation_id)


@strawberry.type(description="The invitation that was accepted, and the project.")
class AcceptInvitationPayload(_WithAnswer, _WithProject):
    pass


@strawberry.type(description="The invitation that was declined.")
class DeclineInvitationPayload(_WithAnswer):
    pass


@strawberry.type(description="The invitation that was taken back.")
class WithdrawInvitationPayload(_WithAnswer):
    pass


@strawberry.type(description="The project, and the invitation to its new collaborator.")
class AddCollaboratorPayload(_WithInvitation):
    pass


@strawberry.type(description="The project with the collaborator's new role.")
class ChangeCollaboratorRolePayload(_WithProject):
    pass


@strawberry.type(description="The project without the collaborator.")
class RemoveCollaboratorPayload(_WithProject):
    pass


@strawberry.type(description="The project, and the invitation to its new owner.")
class TransferProjectPayload(_WithInvitation):
    pass


@strawberry.type(description="The project, set aside.")
class ArchiveProjectPayload(_WithProject):
    pass


@strawberry.type(description="The project, active again.")
class RestoreProjectPayload(_WithProject):
    pass


@strawberry.type
class ProjectMutations:
    @strawberry.mutation(
        description="Invite a person to work on a project, as its owner: they are a collaborator once they "
        "accept. An administrator makes them one at once. Repeating it changes nothing."
    )
    async def add_collaborator(self, info: Info, input: AddCollaboratorInput) -> AddCollaboratorPayload:
        invited = await collaborators.add(action_of(info), input.id, input.user_id, input.role)
        return AddCollaboratorPayload(row_id=input.id, invitation_id=invited)

    @strawberry.mutation(description="Give a collaborator another role, as the owner of the project.")
    async def change_collaborator_role(
        self, info: Info, input: ChangeCollaboratorRoleInput
    ) -> ChangeCollaboratorRolePayload:
        await collaborators.change_role(action_of(info), input.id, input.user_id, input.role)
        return ChangeCollaboratorRolePayload(row_id=input.id)

    @strawberry.mutation(
        description="End a collaborator's work on a project, or an invitation to it, as its owner, or one's "
        "own work. Repeating it changes nothing."
    )
    async def remove_collaborator(
        self, info: Info, input: RemoveCollaboratorInput
    ) -> RemoveCollaboratorPayload:
        await collaborators.remove(action_of(info), input.id, input.user_id)
        return RemoveCollaboratorPayload(row_id=input.id)

    @strawberry.mutation(
        description="Offer a project to another person, as its owner: it is theirs once they accept. An "
        "administrator gives it at once."
    )
    async def transfer_project(self, info: Info, input: TransferProjectInput) -> TransferProjectPayload:
        offered = await collaborators.transfer(action_of(info), input.id, input.new_owner_id, input.keep_as)
        return TransferProjectPayload(row_id=input.id, invitation_id=offered)

    @strawberry.mutation(
        description="Accept an invitation to a project; one to own it makes it one's own. "
        "Repeating it changes nothing."
    )
    async def accept_invitation(self, info: Info, input: InvitationKeyInput) -> AcceptInvitationPayload:
        project = await invitations.accept(action_of(info), input.id)
        return AcceptInvitationPayload(invitation_id=input.id, row_id=project)

    @strawberry.mutation(
        description="Decline an invitation to a project, which may be repeated a day later at the soonest."
    )
    async def decline_invitation(self, info: Info, input: InvitationKeyInput) -> DeclineInvitationPayload:
        await invitations.decline(action_of(info), input.id)
        return DeclineInvitationPayload(invitation_id=input.id)

    @strawberry.mutation(
        description="Take back an invitation that was not answered, as who sent it or owns the project. "
        "Repeating it changes nothing."
    )
    async def withdraw_invitation(self, info: Info, input: InvitationKeyInput) -> WithdrawInvitationPayload:
        await invitations.withdraw(action_of(info), input.id)
        return WithdrawInvitationPayload(invitation_id=input.id)

    @strawberry.mutation(
        description="Set a project aside, as its owner; no instance of it may be running. Maintenance later "
        "moves it into the archive tables. Repeating it changes nothing."
    )
    async def archive_project(self, info: Info, input: ProjectKeyInput) -> ArchiveProjectPayload:
        await archiving.archive(action_of(info), input.id)
        return ArchiveProjectPayload(row_id=input.id)

    @strawberry.mutation(
        description="Make an archived project active again, as its owner, with all that belongs to it, "
        "also from the archive tables. Repeating it changes nothing."
    )
    async def restore_project(self, info: Info, input: ProjectKeyInput) -> RestoreProjectPayload:
        await restoring.restore(action_of(info), input.id)
        return RestoreProjectPayload(row_id=input.id)
