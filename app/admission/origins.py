"""Decides which web pages may open a WebSocket or speak MCP, by the headers Origin and Host."""

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


class Origins:
    """Requests without Origin are not from browsers; a page of our own host may always, others when listed.

    `listed` are origins such as `https://dash.example`, or `*` for every page. `only_this_machine` says that
    the server listens on the loopback address alone: then our own host has a name of the loopback, since
    another name that leads here may be a foreign page's (DNS rebinding).
    """

    def __init__(self, listed: Collection[str] = (), *, only_this_machine: bool = False) -> None:
        self._listed = frozenset(origin.lower().rstrip("/") for origin in listed)
        self._only_this_machine = only_this_machine

    def allow(self, headers: Mapping[bytes, bytes]) -> bool:
        """True if the page that the request comes from may connect. `headers` have lower-case names."""
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if not origin or "*" in self._listed or origin in self._listed:
            return True
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._only_this_machine and not _is_loopback(host):
            return False
        return bool(host) and _host(origin) == host


def _host(origin: str) -> str | None:
    """Host and port of an origin; None for what is no origin, such as brackets around half an address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    """True if a Host header names this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
