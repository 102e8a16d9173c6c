"""Projects: collaborators, transfer, archiving and restoring."""

import strawberry
from strawberry import Private

from gql.execution.loaders import load_row
from gql.mutations.transaction import Info, acting
from gql.types.builder import enum_type
from gql.types.types import table_type
from models.enums import CollaboratorRole
from services.projects import archiving, collaborators

Project = table_type("Project")

KEY = "Key of the project."
USER = "Key of the person."
ROLE = "EDITOR changes what belongs to the project, VIEWER looks."

enum_type(CollaboratorRole)


@strawberry.input(description="Who is to work on which project.")
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


@strawberry.input(description="Whose project this is from now on.")
class TransferProjectInput:
    id: int = strawberry.field(description=KEY)
    new_owner_id: int = strawberry.field(description="Key of the new owner.")
    keep_as: CollaboratorRole | None = strawberry.field(
        default=None, description="Role in which the former owner stays; null for none."
    )


@strawberry.input(description="Which project is meant.")
class ProjectKeyInput:
    id: int = strawberry.field(description=KEY)


@strawberry.type
class _WithProject:
    row_id: Private[int]

    @strawberry.field(description="The project as it is now; null when one may not see it any more.")
    async def project(self, info: Info) -> Project | None:  # type: ignore[valid-type]
        return await load_row(info, "Project", self.row_id)


@strawberry.type(description="The project with its new collaborator.")
class AddCollaboratorPayload(_WithProject):
    pass


@strawberry.type(description="The project with the collaborator's new role.")
class ChangeCollaboratorRolePayload(_WithProject):
    pass


@strawberry.type(description="The project without the collaborator.")
class RemoveCollaboratorPayload(_WithProject):
    pass


@strawberry.type(description="The project with its new owner.")
class TransferProjectPayload(_WithProject):
    pass


@strawberry.type(description="The project, set aside.")
class ArchiveProjectPayload(_WithProject):
    pass


@strawberry.type(description="The project, active again.")
class RestoreProjectPayload(_WithProject):
    pass


@strawberry.type
class ProjectMutations:
    @strawberry.mutation(description="Let a person work on a project, as its owner.")
    async def add_collaborator(self, info: Info, input: AddCollaboratorInput) -> AddCollaboratorPayload:
        async with acting(info, id=input.id, userId=input.user_id, role=input.role) as act:
            await collaborators.add(act.connection, act.principal, input.id, input.user_id, input.role)
        return AddCollaboratorPayload(row_id=input.id)

    @strawberry.mutation(description="Give a collaborator another role, as the owner of the project.")
    async def change_collaborator_role(
        self, info: Info, input: ChangeCollaboratorRoleInput
    ) -> ChangeCollaboratorRolePayload:
        async with acting(info, id=input.id, userId=input.user_id, role=input.role) as act:
            await collaborators.change_role(
                act.connection, act.principal, input.id, input.user_id, input.role
            )
        return ChangeCollaboratorRolePayload(row_id=input.id)

    @strawberry.mutation(
        description="End a collaborator's work on a project, as its owner, or one's own. "
        "Repeating it changes nothing."
    )
    async def remove_collaborator(
        self, info: Info, input: RemoveCollaboratorInput
    ) -> RemoveCollaboratorPayload:
        async with acting(info, id=input.id, userId=input.user_id) as act:
            await collaborators.remove(act.connection, act.principal, input.id, input.user_id)
        return RemoveCollaboratorPayload(row_id=input.id)

    @strawberry.mutation(description="Give a project to another person, as its owner.")
    async def transfer_project(self, info: Info, input: TransferProjectInput) -> TransferProjectPayload:
        async with acting(info, id=input.id, newOwnerId=input.new_owner_id) as act:
            await collaborators.transfer(
                act.connection, act.principal, input.id, input.new_owner_id, input.keep_as
            )
        return TransferProjectPayload(row_id=input.id)

    @strawberry.mutation(
        description="Set a project aside, as its owner; no instance of it may be running. Maintenance later "
        "moves it into the archive tables. Repeating it changes nothing."
    )
    async def archive_project(self, info: Info, input: ProjectKeyInput) -> ArchiveProjectPayload:
        async with acting(info, id=input.id) as act:
            await archiving.archive(act.connection, act.principal, input.id)
        return ArchiveProjectPayload(row_id=input.id)

    @strawberry.mutation(
        description="Make an archived project active again, as its owner, with all that belongs to it, "
        "also from the archive tables. Repeating it changes nothing."
    )
    async def restore_project(self, info: Info, input: ProjectKeyInput) -> RestoreProjectPayload:
        async with acting(info, id=input.id) as act:
            await archiving.restore(act.connection, act.principal, input.id)
        return RestoreProjectPayload(row_id=input.id)
