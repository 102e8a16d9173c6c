"""Signed tokens: what is accepted, and what each refusal tells."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest

from models.enums import TokenType
from services.accounts.tokens import Claims, TokenPolicy, read, sign
from services.core.errors import Unauthenticated

POLICY = TokenPolicy(secret_key="k" * 32)
TOKEN_ID = UUID("0190b5a0-0000-7000-8000-000000000001")


def claims(kind: TokenType = TokenType.ACCESS, lifetime: timedelta = timedelta(minutes=15)) -> Claims:
    expires_at = (datetime.now(UTC) + lifetime).replace(microsecond=0)
    return Claims(token_id=TOKEN_ID, user_id=7, kind=kind, expires_at=expires_at)


def test_a_signed_token_gives_its_claims_back() -> None:
    issued = claims()

    assert read(POLICY, sign(POLICY, issued), TokenType.ACCESS) == issued


def test_an_expired_token_says_how_to_get_a_new_one() -> None:
    token = sign(POLICY, claims(lifetime=timedelta(seconds=-1)))

    with pytest.raises(Unauthenticated, match="refreshToken"):
        read(POLICY, token, TokenType.ACCESS)


def test_a_refresh_token_is_no_access_token() -> None:
    with pytest.raises(Unauthenticated, match="refresh token was sent where the access token is needed"):
        read(POLICY, sign(POLICY, claims(TokenType.REFRESH)), TokenType.ACCESS)


def test_a_token_signed_with_another_key_is_refused() -> None:
    foreign = sign(TokenPolicy(secret_key="o" * 32), claims())

    with pytest.raises(Unauthenticated):
        read(POLICY, foreign, TokenType.ACCESS)


def test_an_unsigned_token_is_refused() -> None:
    payload = {"sub": "7", "jti": str(TOKEN_ID), "exp": 4_000_000_000, "typ": "access"}

    with pytest.raises(Unauthenticated):
        read(POLICY, jwt.encode(payload, "", algorithm="none"), TokenType.ACCESS)


@pytest.mark.parametrize("missing", ["sub", "jti", "exp", "typ"])
def test_a_token_without_one_of_its_claims_is_refused(missing: str) -> None:
    payload = {"sub": "7", "jti": str(TOKEN_ID), "exp": 4_000_000_000, "typ": "access"}
    del payload[missing]

    with pytest.raises(Unauthenticated):
        read(POLICY, jwt.encode(payload, POLICY.secret_key, algorithm="HS256"), TokenType.ACCESS)


@pytest.mark.parametrize("token", ["", "a.b.c", "\ud800", "x" * 100_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        read(POLICY, token, TokenType.ACCESS)
