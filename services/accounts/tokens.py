"""Access and refresh tokens as signed JWTs; their `jti` is auth_tokens.token_id."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from models.enums import TokenType
from models.spellings import read_uuid, read_whole_number
from services.core.errors import Unauthenticated

_ALGORITHM = "HS256"
_REQUIRED = ["sub", "jti", "exp", "typ"]


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """The signing of tokens, and how long they live. `secret_key` has at least 32 bytes."""

    secret_key: str
    access_lifetime: timedelta = timedelta(minutes=15)
    refresh_lifetime: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token; whether it is still good stands in auth_tokens."""

    token_id: UUID
    user_id: int
    kind: TokenType
    expires_at: datetime


def sign(policy: TokenPolicy, claims: Claims) -> str:
    """The claims as a compact JWT (RFC 7519), HMAC-SHA-256."""
    payload = {
        "sub": str(claims.user_id),
        "jti": str(claims.token_id),
        "exp": int(claims.expires_at.timestamp()),
        "typ": claims.kind.value,
    }
    return jwt.encode(payload, policy.secret_key, algorithm=_ALGORITHM)


def read(policy: TokenPolicy, token: str, kind: TokenType) -> Claims:
    """The claims of a token of this kind that we signed and that has not expired, or `Unauthenticated`."""
    try:
        payload = jwt.decode(
            token, policy.secret_key, algorithms=[_ALGORITHM], options={"require": _REQUIRED}
        )
        claims = Claims(
            token_id=read_uuid(payload["jti"]),
            user_id=read_whole_number(payload["sub"]),
            kind=TokenType(payload["typ"]),
            expires_at=datetime.fromtimestamp(payload["exp"], UTC),
        )
    except jwt.ExpiredSignatureError:
        raise expired(kind) from None
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError, RecursionError):
        # Claims of another type, or beyond all times; a header that nests without end.
        raise Unauthenticated(
            f"This is not a valid {kind.value} token of this server; log in again."
        ) from None
    require_kind(claims, kind)
    return claims


def require_kind(claims: Claims, kind: TokenType) -> None:
    """`Unauthenticated`, with what to send instead, for a token that is good for something else."""
    if claims.kind is kind:
        return
    if TokenType.INGEST not in (claims.kind, kind):
        raise Unauthenticated(f"A {claims.kind.value} token was sent where the {kind.value} token is needed.")
    if kind is TokenType.INGEST:
        raise Unauthenticated(
            "Send a token of the kind INGEST, which can do nothing else: this one has more rights, and must "
            "not be in the settings of Claude Code. The mutation `createAccessToken` makes one with "
            "`kind: INGEST`."
        )
    raise Unauthenticated(
        "This token can only send records of Claude Code, at /ingest and /v1. Send an access token of "
        "`login`, or one of `createAccessToken` without `kind: INGEST`."
    )


def expired(kind: TokenType) -> Unauthenticated:
    """The error for a token that has expired or was revoked."""
    if kind is TokenType.INGEST:
        return Unauthenticated(
            "The ingest token has expired or was revoked; make another by `ccgraph connect`, or by the "
            "mutation `createAccessToken` with `kind: INGEST`."
        )
    if kind is TokenType.ACCESS:
        return Unauthenticated(
            "The access token has expired or was revoked; the mutation `refreshToken` gives a new one."
        )
    return Unauthenticated("The refresh token has expired or was revoked; log in again.")
