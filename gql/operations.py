"""The door to the API for every transport: one request in, one complete JSON response out."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One GraphQL request as a transport received it; without `allow_mutation` a mutation is refused."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    allow_mutation: bool = True


@dataclass(frozen=True, slots=True)
class OperationResult:
    """A complete response in JSON.

    `errors` are the codes of its errors, in order. `executed` is False when it failed before execution:
    parsing, validation, limits, login.
    """

    body: bytes
    errors: tuple[str, ...] = ()
    executed: bool = True
