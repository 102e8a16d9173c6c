"""Finds the caller by the header `Authorization`, or a WebSocket's `connectionParams.authorization`."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from models.spellings import read_uuid
from services.accounts.authentication import Authenticator
from services.core.errors import Unauthenticated
from services.core.principal import Origin, Principal

_MAXIMUM_USER_AGENT = 500


async def caller(authenticator: Authenticator, authorization: str | None) -> Principal | None:
    """The principal of `Bearer <access token>`; None without a header, `Unauthenticated` for a bad one."""
    token = bearer(authorization)
    return None if token is None else await authenticator.authenticate(token)


def bearer(authorization: str | None) -> str | None:
    """The token of `Bearer <token>`; None without a header, `Unauthenticated` for another scheme."""
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Write the header as `Authorization: Bearer <access token>`.")
    return token.strip()


def origin(client: tuple[str, int] | None, headers: Mapping[bytes, bytes]) -> Origin:
    """The origin of a request. `headers` have lower-case names, as ASGI gives them."""
    user_agent = headers.get(b"user-agent")
    return Origin(
        request_id=_request_id(headers.get(b"x-request-id")),
        ip_address=_ip_address(client[0]) if client else None,
        user_agent=user_agent[:_MAXIMUM_USER_AGENT].decode("latin-1") if user_agent else None,
    )


def _request_id(header: bytes | None) -> UUID | None:
    """The client's own id where it is a UUID, as system_logs.request_id asks for; None for a new one."""
    try:
        return read_uuid(header.decode("ascii")) if header else None
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _ip_address(host: str) -> str | None:
    """The peer's address; None for what is none, such as the path of a UNIX socket.

    An IPv4 address within IPv6 (`::ffff:192.0.2.1`) counts as what it is. The zone of a link-local address
    (`fe80::1%eth0`) is a name of this machine only, which PostgreSQL takes for no part of an address.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
