"""Actions as a transport makes them, for tests that call use cases and their helpers."""

from services.core.database import Database, WriteConnection
from services.core.principal import Origin, Principal
from services.secrets.vault import Vault
from services.writing.action import Action, AnonymousAction, Transaction

VAULT = Vault.of("k" * 32)


def action(
    database: Database, principal: Principal, name: str = "test", origin: Origin | None = None
) -> Action:
    """The action that a transport would make."""
    return Action(database, principal, origin or Origin(), name, VAULT)


def anonymous(database: Database, origin: Origin | None = None, name: str = "login") -> AnonymousAction:
    """The same without an access token."""
    return AnonymousAction(database, origin or Origin(), name, VAULT)


def inside(connection: WriteConnection, principal: Principal) -> Transaction:
    """A transaction of the test's own, for helpers."""
    return Transaction(connection, principal, VAULT)
