"""Hashes of passwords that take a thousandth of the time: most tests log in, and few are about hashes.

The server of a process of its own hashes as always, and takes these for old ones, which it renews.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher

from services.accounts import passwords

_REAL = passwords._hasher
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=32, salt_len=16)


def hash_cheaply() -> None:
    """Hash cheaply from now on, in this process."""
    _use(_CHEAP)


@contextmanager
def hashed_as_always() -> Iterator[None]:
    """Hash as servers do until the block ends."""
    _use(_REAL)
    try:
        yield
    finally:
        _use(_CHEAP)


def _use(hasher: PasswordHasher) -> None:
    passwords._hasher = hasher
    passwords._hash_of_nobody.cache_clear()
