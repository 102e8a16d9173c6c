"""An account to log in with, and how tokens are signed here."""

from dataclasses import dataclass

import pytest

from services.accounts.accounts import add_user
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin, Principal

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its password."""

    user_id: int
    username: str
    password: str = PASSWORD

    @property
    def principal(self) -> Principal:
        """The account as a caller without rights."""
        return Principal(self.user_id, self.username, is_admin=False)


@pytest.fixture
def policy() -> TokenPolicy:
    """A signing key of the tests."""
    return TokenPolicy(secret_key="a key that signs nothing outside of the tests")


@pytest.fixture
def origin() -> Origin:
    """Where the requests of the tests come from."""
    return Origin(ip_address="192.0.2.7", user_agent="tests")


@pytest.fixture
async def alice(database: Database) -> Account:
    """A person without rights."""
    async with database.transaction() as connection:
        return Account(await add_user(connection, "alice", PASSWORD), "alice")
