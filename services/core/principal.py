"""The principal: who is calling, and from where; every service receives it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils import uuid7

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


class Origin:
    """The origin of a request, for tokens and audit rows.

    A request that brings no id of its own gets a UUIDv7. Its text is needed for each response, and the UUID
    by changes alone: to make one takes ten times as long.
    """

    __slots__ = ("_made", "_request_id", "ip_address", "user_agent")

    def __init__(
        self, request_id: UUID | None = None, ip_address: str | None = None, user_agent: str | None = None
    ) -> None:
        self._request_id = request_id
        self._made = uuid7() if request_id is None else None
        self.ip_address = ip_address
        self.user_agent = user_agent

    @property
    def request_id(self) -> UUID:
        """The id of the request."""
        if self._request_id is None:
            self._request_id = UUID(str(self._made))
        return self._request_id

    @property
    def request_text(self) -> str:
        """The same as text."""
        return str(self._made or self._request_id)
