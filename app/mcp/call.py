"""One call of a tool: who asks, as which instance, and what the tool may use."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid5

from models.names import camel
from services.core.database import Database
from services.core.errors import BadInput, DomainError
from services.core.principal import Origin, Principal
from services.secrets.vault import Vault
from services.tasks.handing_out import HandedOut
from services.writing.action import Action

Row = dict[str, Any]
"""A row as GraphQL names its fields."""

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Tells a client that asked for it how far a call has come: done, of how many, and a sentence."""

_KEYS = UUID("3b6b0d5e-7d0c-5c2e-9f4e-6f1f4c0c7a11")

HEADER = "X-CCGraph-Instance"
NO_INSTANCE = (
    "Say as which instance you work: give `instance`, run `ccgraph mcp` inside Claude Code, or send the "
    f"header {HEADER}. `join_project` registers an instance that is new."
)


class ApiError(Exception):
    """An error as the API has told it; `code`, `field` and `details` are as those of a domain error."""

    def __init__(self, message: str, code: str, field: str | None, details: Mapping[str, object]) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.details = dict(details)


Problem = DomainError | ApiError
"""What an agent is told of."""


class Reads(Protocol):
    """Reads rows as the caller, one planned statement for a document."""

    async def read(self, document: str, **variables: object) -> Row:
        """The fields of `data`. Raises: ApiError for the first thing that is wrong."""

    async def query(self, document: str, variables: Mapping[str, Any] | None, operation: str | None) -> bytes:
        """The GraphQL response to a query of the caller's own, under the limits of the API.

        Raises: BadInput for a mutation or subscription.
        """


class WaitSignal(Protocol):
    """Rings when something may have become ready in a project."""

    @property
    def ending(self) -> bool:
        """True if the server stops, so that nothing is waited for any more."""

    async def wait(self, seconds: float) -> bool:
        """Wait for it; False when the time is over, or when the server stops.

        Raises: Unauthenticated when the caller's token has ended.
        """


class Waits(Protocol):
    """Waits for changes of tasks."""

    def listening(
        self, principal: Principal, project_id: UUID | None
    ) -> AbstractAsyncContextManager[WaitSignal]:
        """A signal that is set by whatever is committed from now on. Raises: QuotaExceeded."""


@dataclass(frozen=True, slots=True)
class Call:
    """`own_instance` is the instance of the connection: the header's, None without one."""

    tool: str
    principal: Principal
    origin: Origin
    database: Database
    vault: Vault
    reads: Reads
    progress: Progress
    waits: Waits
    handed_out: HandedOut
    own_instance: UUID | None = None

    @property
    def action(self) -> Action:
        """The call in the caller's name; its audit row bears the name of the mutation that does the same."""
        return Action(self.database, self.principal, self.origin, camel(self.tool), self.vault)

    def instance(self, given: UUID | None) -> UUID:
        """The instance as which the caller works. Raises: BadInput without one."""
        instance = given or self.own_instance
        if instance is None:
            raise BadInput(NO_INSTANCE, field="instance")
        return instance

    def key(self, kind: str, idempotency_key: str | None) -> UUID | None:
        """The key of the row that a call with this `idempotency_key` makes; None without one.

        The keys of two people, tools and kinds of rows are different ones.
        """
        if idempotency_key is None:
            return None
        return uuid5(_KEYS, f"{self.principal.user_id} {self.tool} {kind} {idempotency_key}")
