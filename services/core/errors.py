"""The one tree of domain errors; each code is stable and documented in docs/errors.md."""

from typing import ClassVar


class DomainError(Exception):
    """Something the caller can act on.

    `message` tells what to do next and names no SQL, no constraint, no secret. `field` is the path of
    the offending input field as the API spells it (`input.messages.3.method`), where there is one.
    `details` are further plain values for `extensions` (for instance `retryAfter` in seconds).
    """

    code: ClassVar[str]

    def __init__(self, message: str, *, field: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details


class Unauthenticated(DomainError):
    """No valid token came with the request."""

    code = "UNAUTHENTICATED"


class Forbidden(DomainError):
    """The row is visible to the caller, the change is not allowed."""

    code = "FORBIDDEN"


class NotFound(DomainError):
    """The row does not exist for this caller."""

    code = "NOT_FOUND"


class BadInput(DomainError):
    """A value is of the wrong type, shape, length or range."""

    code = "BAD_USER_INPUT"


class Conflict(DomainError):
    """The state of the row, or another row, stands against the change."""

    code = "CONFLICT"


class QuotaExceeded(DomainError):
    """A limit of the account or the project is reached."""

    code = "QUOTA_EXCEEDED"


class RateLimited(DomainError):
    """Too many calls; `details["retryAfter"]` is the number of seconds to wait."""

    code = "RATE_LIMITED"


class QueryTooComplex(DomainError):
    """The document passes a limit on depth, aliases, tokens or cost."""

    code = "QUERY_TOO_COMPLEX"


class CursorInvalid(DomainError):
    """The cursor belongs to another order, table or server key, or was altered."""

    code = "CURSOR_INVALID"


class CursorExpired(DomainError):
    """The cursor points before the retention of the feed."""

    code = "CURSOR_EXPIRED"


class ServiceUnavailable(DomainError):
    """The database is away for a moment; the same call works again soon."""

    code = "SERVICE_UNAVAILABLE"


class SlowConsumer(DomainError):
    """The subscriber did not keep up; `details["cursor"]` is where to resume."""

    code = "SLOW_CONSUMER"
