"""Argon2id hashing: parameters, normalisation, the account that does not exist."""

import time

import pytest
from argon2 import PasswordHasher

from services.accounts.passwords import hash_password, require_acceptable, verify_password
from services.core.errors import BadInput

pytestmark = pytest.mark.usefixtures("real_passwords")


async def test_a_hash_is_argon2id_with_the_owasp_parameters() -> None:
    assert (await hash_password("correct horse")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_only_the_right_password_matches() -> None:
    hashed = await hash_password("correct horse")

    assert (await verify_password(hashed, "correct horse")).matches
    assert not (await verify_password(hashed, "correct horsf")).matches


async def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    hashed = await hash_password("caf\u00e9 au lait")

    assert (await verify_password(hashed, "cafe\u0301 au lait")).matches


async def test_a_hash_of_other_parameters_matches_and_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash("correct horse")

    verdict = await verify_password(weak, "correct horse")

    assert verdict.matches
    assert verdict.outdated


@pytest.mark.parametrize("hashed", [None, "", "!", "not a hash"])
async def test_an_account_without_a_usable_hash_never_matches(hashed: str | None) -> None:
    assert not (await verify_password(hashed, "nobody")).matches


async def test_an_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    hashed = await hash_password("correct horse")
    await verify_password(None, "warm up")

    # In turns, so that a machine that is busy for a moment is so for both.
    timings = [[await _seconds(each) for each in (hashed, None)] for _ in range(5)]
    known, unknown = map(min, zip(*timings, strict=True))

    # Of the processor's time, for a busy machine blurs the other. Without the hash it would be a thousandth.
    assert unknown > known / 10


async def test_a_lone_surrogate_is_a_wrong_password() -> None:
    assert not (await verify_password(await hash_password("correct horse"), "\ud800")).matches


@pytest.mark.parametrize("password", ["short", "x" * 257, "Marie-Curie"])
def test_a_password_that_is_too_short_too_long_or_the_username_is_refused(password: str) -> None:
    with pytest.raises(BadInput) as refusal:
        require_acceptable(password, field="input.password", username="marie-curie")

    assert refusal.value.field == "input.password"


async def _seconds(hashed: str | None) -> float:
    begin = time.process_time()
    await verify_password(hashed, "wrong password")
    return time.process_time() - begin
