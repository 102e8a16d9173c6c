"""Which web pages may open a WebSocket: browsers apply no CORS there, so the server looks at Origin."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


class Origins:
    """Requests without Origin are not from browsers; a page of our own host may always, others when listed.

    `listed` are origins such as `https://dash.example`, or `*` for every page.
    """

    def __init__(self, listed: Collection[str] = ()) -> None:
        self._listed = frozenset(origin.lower().rstrip("/") for origin in listed)

    def allow(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the page that the request comes from may connect. `headers` have lower-case names."""
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if not origin or "*" in self._listed or origin in self._listed:
            return True
        host = headers.get(b"host", b"").decode("latin-1").lower()
        return bool(host) and _host(origin) == host


def _host(origin: str) -> str | None:
    """Host and port of an origin; None for what is no origin, such as brackets around half an address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
