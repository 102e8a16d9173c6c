"""The headers of a request by their names."""

from collections.abc import Mapping, Sequence

Headers = Mapping[bytes, bytes]
"""By lower-case name."""

_LISTS = (b"accept", b"accept-encoding")


def read_headers(lines: Sequence[tuple[bytes, bytes]]) -> Headers:
    """The headers as ASGI gives them; lists in several lines are one list (RFC 9110, 5.3)."""
    headers = dict(lines)
    if len(headers) < len(lines):
        for name in _LISTS:
            values = [value for key, value in lines if key == name]
            if len(values) > 1:
                headers[name] = b", ".join(values)
    return headers
