"""Who is calling, from where; what every service receives."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from models.policy import Viewer


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `token_id` is auth_tokens.token_id of the access token in use.

    `api_calls_per_hour` is the caller's quota (users.resource_quota); None is no limit. `expires_at` is when
    the access token stops being valid; None for a caller without one.
    """

    user_id: int
    username: str
    is_admin: bool
    token_id: UUID | None = None
    api_calls_per_hour: int | None = None
    expires_at: datetime | None = None

    @property
    def viewer(self) -> Viewer:
        """The caller as the row policies know them."""
        return Viewer(self.user_id, self.is_admin)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for tokens and audit rows."""

    request_id: UUID = field(default_factory=uuid7)
    ip_address: str | None = None
    user_agent: str | None = None
