"""Logging in and tokens: login, refreshToken, logout, createAccessToken, revokeToken."""

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of, anonymous_action_of
from gql.types.types import table_type
from models.enums import TokenType
from services.accounts import personal_tokens
from services.accounts.login import log_in, refresh
from services.accounts.token_store import TokenPair
from services.core.principal import Principal

User = table_type("User")
AuthToken = table_type("AuthToken")


@strawberry.input(description="Who logs in.")
class LoginInput:
    username: str = strawberry.field(description="Login name.")
    password: str = strawberry.field(description="Password.")


@strawberry.input(description="The refresh token of a login.")
class RefreshTokenInput:
    refresh_token: str = strawberry.field(
        description="Good once: using it a second time ends the login, for it may have been copied."
    )


@strawberry.enum(description="What a long-lived token opens.")
class AccessTokenKind(Enum):
    FULL = strawberry.enum_value("full", description="The API, as its owner.")
    INGEST = strawberry.enum_value(
        "ingest",
        description="The receivers of what Claude Code tells, and nothing else: it may lie in its settings.",
    )


@strawberry.input(description="A long-lived token for an agent or an integration.")
class CreateAccessTokenInput:
    name: str = strawberry.field(description="What it is for, 1 to 100 characters.")
    expires_at: datetime = strawberry.field(description="When it stops being valid, within 366 days.")
    password: str = strawberry.field(
        description="The password of the account; a wrong one counts as an attempt to log in."
    )
    kind: AccessTokenKind = strawberry.field(default=AccessTokenKind.FULL, description="What it opens.")


@strawberry.input(description="The token that is to end.")
class RevokeTokenInput:
    token_id: UUID = strawberry.field(description="Its tokenId.")


@strawberry.type
class _Login:
    access_token: str = strawberry.field(description="Send it as `Authorization: Bearer ...`.")
    refresh_token: str = strawberry.field(description="Gives the next pair of tokens, once.")
    expires_at: datetime = strawberry.field(description="When the access token stops being valid.")
    holder: Private[Principal]

    @strawberry.field(description="Whose tokens these are.")
    async def user(self, info: Info) -> User:  # type: ignore[valid-type]
        """The row, read as its holder: the request itself came without a token."""
        return await load_row(info, "User", self.holder.user_id, replace(info.context, principal=self.holder))


@strawberry.type(description="The tokens of a new login.")
class LoginPayload(_Login):
    pass


@strawberry.type(description="The next tokens of a login.")
class RefreshTokenPayload(_Login):
    pass


@strawberry.type(description="The end of a login.")
class LogoutPayload:
    success: bool = strawberry.field(
        description="Always true: the tokens of this login are no good any more."
    )


@strawberry.type(description="A new long-lived token.")
class CreateAccessTokenPayload:
    access_token: str = strawberry.field(description="The token. It is shown this once and stored nowhere.")
    row_id: Private[int | None]

    @strawberry.field(description="What is stored of it.")
    async def auth_token(self, info: Info) -> AuthToken:  # type: ignore[valid-type]
        """The row of auth_tokens."""
        return await load_row(info, "AuthToken", self.row_id)


@strawberry.type(description="The token that was ended.")
class RevokeTokenPayload:
    revoked_id: UUID = strawberry.field(description="Its tokenId.")


@strawberry.type
class TokenMutations:
    @strawberry.mutation(description="Log in. Needs no token.")
    async def login(self, info: Info, input: LoginInput) -> LoginPayload:
        context = info.context
        pair = await log_in(
            anonymous_action_of(info), context.tokens, input.username, input.password, context.admit
        )
        return LoginPayload(**_tokens(pair))

    @strawberry.mutation(
        description="Exchange a refresh token for the next pair of tokens. Needs no access token."
    )
    async def refresh_token(self, info: Info, input: RefreshTokenInput) -> RefreshTokenPayload:
        context = info.context
        pair = await refresh(anonymous_action_of(info), context.tokens, input.refresh_token, context.admit)
        return RefreshTokenPayload(**_tokens(pair))

    @strawberry.mutation(
        description="End the login that the access token of this request belongs to, and all tokens "
        "made with it."
    )
    async def logout(self, info: Info) -> LogoutPayload:
        await personal_tokens.log_out(action_of(info))
        return LogoutPayload(success=True)

    @strawberry.mutation(
        description="Make a long-lived access token for an agent or an integration. It ends with the login "
        "or the token that it is made with."
    )
    async def create_access_token(
        self, info: Info, input: CreateAccessTokenInput
    ) -> CreateAccessTokenPayload:
        kind = TokenType.INGEST if input.kind is AccessTokenKind.INGEST else TokenType.ACCESS
        wanted = personal_tokens.NamedToken(input.name, input.expires_at, input.password, kind)
        issued = await personal_tokens.create_access_token(action_of(info), info.context.tokens, wanted)
        return CreateAccessTokenPayload(access_token=issued.token, row_id=issued.row_id)

    @strawberry.mutation(
        description="Revoke a token of one's own, or any as an administrator, with the login it belongs to "
        "and all tokens made with it. Every process refuses it within a second."
    )
    async def revoke_token(self, info: Info, input: RevokeTokenInput) -> RevokeTokenPayload:
        await personal_tokens.revoke_token(action_of(info), input.token_id)
        return RevokeTokenPayload(revoked_id=input.token_id)


def _tokens(pair: TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access.token,
        "refresh_token": pair.refresh.token,
        "expires_at": pair.access.expires_at,
        "holder": pair.holder,
    }
