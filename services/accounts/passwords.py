"""Passwords as Argon2id, hashed in threads of which only a few run at once."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.core.errors import BadInput, RateLimited

Result = TypeVar("Result")

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 256

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)

# Argon2 releases the GIL, so two threads use two cores; each running hash holds 19 MiB.
_THREADS = 2
_MAXIMUM_WAITING = 100
_threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="argon2")
_waiting = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outdated` is true for a right password whose hash was made with other parameters."""

    matches: bool
    outdated: bool = False


def require_acceptable(password: str, *, field: str, username: str = "") -> None:
    """Check that a password may be set.

    Raises: BadInput for one that is too short, too long, or the username.

    The lengths are those of OWASP ASVS 5.0, 6.2.1 and 6.2.9; the upper bound keeps hashing cheap.
    """
    if len(password) < MINIMUM_LENGTH:
        raise BadInput(f"Choose a password of at least {MINIMUM_LENGTH} characters.", field=field)
    if len(password) > MAXIMUM_LENGTH:
        raise BadInput(f"Choose a password of at most {MAXIMUM_LENGTH} characters.", field=field)
    if password.casefold() == username.casefold():
        raise BadInput("Choose a password that is not the username.", field=field)


async def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """The encoded Argon2id hash, about 100 characters, for users.hashed_password.

    The salt is random unless one of 16 bytes is given, as for demo data, which is the same each time.
    """
    return await _in_thread(partial(_hasher.hash, _normalised(password), salt=salt))


async def verify_password(hashed: str | None, password: str) -> Verdict:
    """True if `password` belongs to `hashed`; without a hash it takes as long and is False."""
    if len(password) > MAXIMUM_LENGTH:
        return Verdict(matches=False)
    return await _in_thread(partial(_verify, hashed, _normalised(password)))


def _verify(hashed: str | None, password: bytes) -> Verdict:
    try:
        _hasher.verify(hashed or _hash_of_nobody(), password)
    except VerificationError:
        return Verdict(matches=False)
    except InvalidHashError:
        return _verify(None, password)
    if not hashed:
        return Verdict(matches=False)
    return Verdict(matches=True, outdated=_hasher.check_needs_rehash(hashed))


@cache
def _hash_of_nobody() -> str:
    """The hash that is verified for an account that does not exist, so that the answer takes as long."""
    return _hasher.hash("nobody")


def _normalised(password: str) -> bytes:
    # NIST SP 800-63B 3.1.1.2: one keyboard's é is the same password as another's. surrogatepass:
    # a lone surrogate is a wrong password, not a crash.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


async def _in_thread(work: Callable[[], Result]) -> Result:
    global _waiting
    if _waiting >= _MAXIMUM_WAITING:
        raise RateLimited("Too many logins at this moment; try again in a few seconds.", retryAfter=3)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
