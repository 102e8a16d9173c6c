"""Addresses that the server may call when a person names them: none of its own networks, unless allowed.

A URL that a person saves must not make the server reach what only the server can reach. So it is judged
twice: by its text when it is saved, and by what its name resolves to whenever it is connected to.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = IPv4Address | IPv6Address

LONGEST_URL: Final = 2_000

_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_PROTOCOL: Final = IPv4Network("192.0.0.0/24")
"""Of protocols (RFC 6890); some of its addresses count as global, and none is a server's."""
_COMPATIBLE: Final = IPv6Network("::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")


_OURS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent", "te"}
    | {"upgrade", "keep-alive", "expect", "trailer", "proxy-authorization", "proxy-connection"}
    | {"content-encoding", "http2-settings"}
)
"""Headers that carry the message itself."""

MOST_HEADERS: Final = 20
LONGEST_HEADER: Final = 1_000
"""Characters of a header's value."""


class AddressRefused(ValueError):
    """The message says what is wrong with the URL, and begins with a noun: `the host ...`."""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Networks and host names that may be called although they are not public."""

    networks: tuple[object, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> "AllowedAddresses":
        """The addresses that a text lists: `10.0.0.0/8,hooks.corp.example`.

        Raises: ValueError for what is neither.
        """
        networks, hosts = [], set()
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ip_network(part, strict=False))
            except ValueError:
                if "/" in part or not _is_name(part):
                    raise ValueError(
                        "write networks and host names, such as 10.0.0.0/8,hooks.corp.example"
                    ) from None
                hosts.add(_plain(part))
        return cls(tuple(networks), frozenset(hosts))

    def has_host(self, host: str) -> bool:
        """True if every address of this name may be called."""
        return _plain(host) in self.hosts

    def has(self, address: Address) -> bool:
        """True if one of the networks contains the address."""
        return any(
            address.version == network.version and address in network  # type: ignore[attr-defined, operator]
            for network in self.networks
        )


NONE_ALLOWED: Final = AllowedAddresses()


def require_url(url: str, allowed: AllowedAddresses) -> SplitResult:
    """The parts of a URL that may be called, as far as its text tells. Raises: AddressRefused."""
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"the URL is longer than {LONGEST_URL} characters")
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        raise AddressRefused("the URL has blanks, backslashes or invisible characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("the URL cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused("the URL does not begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("the URL holds a user name or password")
    host = parts.hostname
    if not host or port == 0:
        raise AddressRefused("the URL names no host")
    if allowed.has_host(host):
        return parts
    literal = literal_address(host)
    if literal is not None:
        require_public(literal, allowed)
    elif not _is_name(host):
        raise AddressRefused("the URL names no host")
    elif "." not in _plain(host) or _plain(host).endswith(_LOCAL_NAMES):
        raise AddressRefused(f"the host {host} is a name of a private network")
    return parts


def require_public(address: Address, allowed: AllowedAddresses) -> None:
    """Check that an address may be called.

    Raises: AddressRefused for one that is neither public nor allowed.
    """
    if allowed.has(address):
        return
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressRefused("the host is a link-local address")
    inner = _inner(address)
    if inner is not None and allowed.has(inner):
        return
    if not _is_public(address) or (inner is not None and not _is_public(inner)):
        raise AddressRefused(f"the host resolves to {address}, an address that is not public")


def literal_address(host: str) -> Address | None:
    """The address that a host's text is, in any spelling that resolvers take: `127.1`, `0x7f000001`."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # Digits of other scripts, such as ①, are digits to those who look a name up.
        return IPv4Address(socket.inet_aton(_plain(host).encode("idna").decode()))
    except (OSError, UnicodeError, ValueError):
        return None


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address to which a gateway or the system itself would take a packet for this IPv6 address."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64[0] or address in _COMPATIBLE or address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        # `is_reserved` holds for the whole of ::/8, where the gateways' forms are judged by what is inside.
        return isinstance(address, IPv6Address) and _inner(address) is not None
    if isinstance(address, IPv6Address):
        if address.is_site_local or address in _NAT64[1]:
            return False
        if _inner(address) is not None:
            return True
    elif address in _PROTOCOL:
        return False
    return address.is_global


def _is_name(host: str) -> bool:
    try:
        encoded = _plain(host).encode("idna").decode()
    except UnicodeError:
        return False
    labels = encoded.split(".")
    return all(
        label and len(label) <= 63 and all(sign.isalnum() or sign in "-_" for sign in label)
        for label in labels
    )


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def is_free_header(name: str, value: str) -> bool:
    """True if a person may choose this header: none that carries the message or its signature."""
    lower = name.lower()
    return (
        lower.isascii()
        and bool(lower)
        and all(sign.isalnum() or sign in "!#$%&'*+-.^_`|~" for sign in lower)
        and lower not in _OURS
        and not lower.startswith("webhook-")
        and is_header_value(value)
    )


def is_header_value(value: str) -> bool:
    """True if HTTP takes the value of a header: no characters that end a header, no blanks around it."""
    return value == value.strip() and all(sign.isprintable() or sign == "\t" for sign in value)
