"""What resolvers are given: one value per request, or per WebSocket connection."""

from dataclasses import dataclass

from services.database import Database
from services.errors import Unauthenticated
from services.principal import Origin, Principal
from services.tokens import TokenPolicy


@dataclass(slots=True)
class Context:
    """`principal` is None until somebody has logged in; `login` and health are all that work then.

    `tokens` signs what `login` hands out.
    """

    database: Database
    origin: Origin
    tokens: TokenPolicy
    principal: Principal | None = None

    def require_principal(self) -> Principal:
        """The caller, or `Unauthenticated` with what to do."""
        if self.principal is None:
            raise Unauthenticated(
                "Send an access token in the header `Authorization: Bearer ...`; "
                "the mutation `login` gives one."
            )
        return self.principal
