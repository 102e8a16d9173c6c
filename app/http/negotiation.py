"""Picks the media type and the compression that a client accepts (RFC 9110, 12.4 and 12.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"

CODINGS = ("zstd", "br", "gzip")
"""Compressions on offer, the one that costs least for what it saves first."""

_CACHED_HEADERS = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answers that an Accept header allows.

    `response` is the media type for a GraphQL response, None when the client takes none of ours.
    `event_stream` is true only when the client names that type itself, `html` when it names that one and
    would rather have it than `response`.
    """

    response: str | None
    event_stream: bool
    html: bool


@dataclass(frozen=True, slots=True)
class _Range:
    """One entry of a header: `q` is 0 to 1, `position` its place in the list."""

    name: str
    q: float
    position: int
    charset: str


@lru_cache(maxsize=_CACHED_HEADERS)
def accepted(header: str) -> Accepted:
    """Read an Accept header; an absent one is `*/*`.

    A wildcard gets application/json, which every client understands. Among types of equal q the one
    that is named beats the one that a wildcard admits, then the one that is named first wins.
    """
    ranges = [entry for entry in _entries(header or "*/*") if entry.charset in ("", "utf-8", "utf8")]
    response = _preferred(ranges, (JSON, GRAPHQL_RESPONSE))
    event_stream, html = (_named(ranges, name) for name in (EVENT_STREAM, HTML))
    offers = (HTML,) if response is None else (response, HTML)
    return Accepted(response, event_stream, html and _preferred(ranges, offers) == HTML)


@lru_cache(maxsize=_CACHED_HEADERS)
def coding(header: str, codings: tuple[str, ...] = CODINGS) -> str | None:
    """The one of `codings` to use for an Accept-Encoding header; None for no compression."""
    weights = {entry.name: entry.q for entry in _entries(header)}
    otherwise = weights.get("*", 0.0)
    offers = [(weights.get(offer, otherwise), offer) for offer in codings]
    q, best = max(offers, key=lambda offer: offer[0])
    return best if q > 0 else None


def _preferred(ranges: list[_Range], offers: Sequence[str]) -> str | None:
    preferences = [
        (found.q, _specificity(found.name), -found.position, offer)
        for offer in offers
        if (found := _best_match(ranges, offer)) is not None and found.q > 0
    ]
    # max() keeps the first of equals: JSON, where one wildcard admits both.
    return max(preferences, key=lambda preference: preference[:3])[3] if preferences else None


def _entries(header: str) -> Iterator[_Range]:
    for position, entry in enumerate(header.split(",")):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        values = {
            key.strip(): value.strip() for key, _, value in (part.partition("=") for part in parameters)
        }
        if name:
            yield _Range(name, _weight(values.get("q", "1")), position, values.get("charset", "").strip('"'))


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _best_match(ranges: list[_Range], offer: str) -> _Range | None:
    """The most specific range that admits a type decides about it (RFC 9110, 12.5.1)."""
    admitting = [entry for entry in ranges if entry.name in (offer, f"{offer.partition('/')[0]}/*", "*/*")]
    return max(admitting, key=lambda entry: (_specificity(entry.name), -entry.position), default=None)


def _specificity(name: str) -> int:
    return 2 - name.count("*")


def _named(ranges: list[_Range], name: str) -> bool:
    return any(entry.name == name and entry.q > 0 for entry in ranges)
