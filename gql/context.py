"""The context of resolvers: one value per request, or per WebSocket connection."""

from dataclasses import dataclass, field

from services.accounts.token_store import Admit
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.errors import ServiceUnavailable, Unauthenticated
from services.core.principal import Origin, Principal
from services.delivery.sender import Sender
from services.secrets.vault import Vault
from services.tasks.handing_out import HandedOut


@dataclass(slots=True)
class Context:
    """`principal` is None for a caller without a token; `login` and health are all that work then.

    `tokens` signs what `login` hands out. `vault` seals what is encrypted at rest; without one of its own, a
    server seals with a key derived from the one that signs tokens. `admit` counts a call of an account.
    `sender` sends messages to people; a server without one sends none. `handed_out` is what a call claims, to
    be given back where its caller has left before it is answered.
    """

    database: Database
    origin: Origin
    tokens: TokenPolicy
    principal: Principal | None = None
    vault: Vault | None = None
    admit: Admit | None = None
    sender: Sender | None = None
    handed_out: HandedOut = field(default_factory=HandedOut)

    def sealing(self) -> Vault:
        """The vault that seals and opens encrypted columns."""
        if self.vault is None:
            self.vault = Vault.of(self.tokens.secret_key)
        return self.vault

    def sending(self) -> Sender:
        """The sender of messages to people. Raises: ServiceUnavailable."""
        if self.sender is None:
            raise ServiceUnavailable("This server sends no notifications: send the request to one that does.")
        return self.sender

    def require_principal(self) -> Principal:
        """The caller, or `Unauthenticated` with what to do."""
        if self.principal is None:
            raise Unauthenticated(
                "Send an access token in the header `Authorization: Bearer ...`; "
                "the mutation `login` gives one."
            )
        return self.principal
