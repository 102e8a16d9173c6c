"""Accounts: createUser, updateUser, changePassword, deactivateUser, deleteUser."""

from typing import Any

import strawberry
from strawberry import UNSET, Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.scalars import JSON
from gql.types.types import table_type
from services.accounts import accounts
from services.accounts.personal_tokens import change_password

User = table_type("User")

USERNAME = "3 to 50 letters, digits, _ and -; unique."
PASSWORD = "8 to 256 characters, not the username."  # noqa: S105 - a description
EMAIL = "E-mail address; unique."
PREFERENCES = "Settings of the user interface, language and the like: a JSON object."
QUOTA = "A JSON object with max_sessions, max_worktrees, storage_limit_gb, api_calls_per_hour."


@strawberry.input(description="A new account.")
class CreateUserInput:
    username: str = strawberry.field(description=USERNAME)
    password: str = strawberry.field(description=PASSWORD)
    email: str | None = strawberry.field(default=UNSET, description=EMAIL)
    is_admin: bool = strawberry.field(default=False, description="Administrators see and change every row.")
    preferences: JSON | None = strawberry.field(default=UNSET, description=PREFERENCES)
    resource_quota: JSON | None = strawberry.field(default=UNSET, description=QUOTA)


@strawberry.input(description="What changes in an account; what is absent stays as it is.")
class UserPatch:
    email: str | None = strawberry.field(default=UNSET, description=EMAIL)
    preferences: JSON | None = strawberry.field(default=UNSET, description=PREFERENCES)
    username: str | None = strawberry.field(default=UNSET, description=f"For administrators. {USERNAME}")
    password: str | None = strawberry.field(
        default=UNSET, description=f"For administrators; ends every login of the account. {PASSWORD}"
    )
    is_admin: bool | None = strawberry.field(
        default=UNSET, description="For administrators: whether the account is one."
    )
    is_active: bool | None = strawberry.field(
        default=UNSET, description="For administrators: false bars the account and ends its logins."
    )
    resource_quota: JSON | None = strawberry.field(default=UNSET, description=f"For administrators. {QUOTA}")


@strawberry.input(description="Which account is to change, and how.")
class UpdateUserInput:
    id: int = strawberry.field(description="Key of the account.")
    patch: UserPatch = strawberry.field(description="What changes.")


@strawberry.input(description="The old and the new password.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The password until now.")
    new_password: str = strawberry.field(description=PASSWORD)


@strawberry.input(description="Which account is meant.")
class UserKeyInput:
    id: int = strawberry.field(description="Key of the account.")


@strawberry.type
class _WithUser:
    user_id: Private[int]

    @strawberry.field(description="The account.")
    async def user(self, info: Info) -> User:  # type: ignore[valid-type]
        """The row, read as the caller sees it."""
        return await load_row(info, "User", self.user_id)


@strawberry.type(description="The account that was created.")
class CreateUserPayload(_WithUser):
    pass


@strawberry.type(description="The account as it is now.")
class UpdateUserPayload(_WithUser):
    pass


@strawberry.type(description="The account whose password was changed.")
class ChangePasswordPayload(_WithUser):
    pass


@strawberry.type(description="The account that was barred.")
class DeactivateUserPayload(_WithUser):
    pass


@strawberry.type(description="The account that is gone.")
class DeleteUserPayload:
    deleted_id: int = strawberry.field(description="Its key.")


@strawberry.type
class AccountMutations:
    @strawberry.mutation(description="Create an account, as an administrator.")
    async def create_user(self, info: Info, input: CreateUserInput) -> CreateUserPayload:
        values = _given(input)
        username, password = values.pop("username"), values.pop("password")
        created = await accounts.create_user(action_of(info), username, password, values)
        return CreateUserPayload(user_id=created)

    @strawberry.mutation(
        description="Change one's own e-mail address and preferences, or any account as an administrator."
    )
    async def update_user(self, info: Info, input: UpdateUserInput) -> UpdateUserPayload:
        await accounts.update_user(action_of(info), input.id, _given(input.patch))
        return UpdateUserPayload(user_id=input.id)

    @strawberry.mutation(
        description="Set a new password. Every other login of the account ends, and every named token."
    )
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordPayload:
        action = action_of(info)
        await change_password(action, input.current_password, input.new_password)
        return ChangePasswordPayload(user_id=action.principal.user_id)

    @strawberry.mutation(
        description="Bar an account and end its logins: one's own, or any as an administrator."
    )
    async def deactivate_user(self, info: Info, input: UserKeyInput) -> DeactivateUserPayload:
        await accounts.deactivate_user(action_of(info), input.id)
        return DeactivateUserPayload(user_id=input.id)

    @strawberry.mutation(
        description="Delete an account with everything that belongs to it, as an administrator."
    )
    async def delete_user(self, info: Info, input: UserKeyInput) -> DeleteUserPayload:
        await accounts.delete_user(action_of(info), input.id)
        return DeleteUserPayload(deleted_id=input.id)


def _given(input: CreateUserInput | UserPatch) -> dict[str, Any]:
    """The values that were given, by column name."""
    return {name: value for name, value in vars(input).items() if value is not UNSET}
