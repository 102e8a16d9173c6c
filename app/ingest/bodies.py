"""The body of a request to the receivers, decompressed within bounds."""

import zlib
from typing import Final

import zstandard
from starlette.types import Receive

from app.admission.headers import Headers
from app.admission.request import HttpRefusal, read_body
from services.core.principal import Principal
from services.secrets.masking import off_the_loop

_LARGEST_WINDOW: Final = 8 * 1024 * 1024
"""Bytes that Zstandard may look back, which it keeps in memory."""

_LONG: Final = 64_000
"""Bytes of a body from which it is long."""


def is_long(headers: Headers) -> bool:
    """True if a body is, or may become, so large that few are read at a time."""
    declared = headers.get(b"content-length", b"")
    return not declared.isdigit() or int(declared) > _LONG or _coding(headers) != b"identity"


async def read_decoded(headers: Headers, receive: Receive, maximum: int, principal: Principal) -> bytes:
    """The body, at most `maximum` bytes before and after decompression.

    Raises: HttpRefusal with 413 past that, 415 for another coding, 400 for one that is broken; ClientGone.
    """
    coding = _coding(headers)
    if coding not in (b"identity", b"gzip", b"x-gzip", b"zstd"):
        raise HttpRefusal(415, "Compress the body by gzip or zstd, or not at all.")
    body = await read_body(headers, receive, maximum, principal)
    if coding == b"identity":
        return body
    decode = _zstd if coding == b"zstd" else _gzip
    # It may become a thousand times as large.
    decoded = await off_the_loop(len(body) * 1_000, decode, body, maximum)
    if decoded is None:
        raise HttpRefusal(400, f"The body is not valid {coding.decode()}.")
    if len(decoded) > maximum:
        raise HttpRefusal(413, f"A request body has at most {maximum} bytes, decompressed.")
    return decoded


def _coding(headers: Headers) -> bytes:
    return headers.get(b"content-encoding", b"").strip().lower() or b"identity"


def _gzip(body: bytes, maximum: int) -> bytes | None:
    """The bytes of all members, or one more than `maximum` of them; None where they are broken."""
    parts: list[bytes] = []
    left = maximum + 1
    try:
        while body and left > 0:
            member = zlib.decompressobj(wbits=31)
            part = member.decompress(body, left)
            if not member.eof and len(part) < left:
                return None
            parts.append(part)
            left -= len(part)
            body = member.unused_data
    except zlib.error:
        return None
    return b"".join(parts)


def _zstd(body: bytes, maximum: int) -> bytes | None:
    reader = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_reader(
        body, read_across_frames=True
    )
    parts: list[bytes] = []
    left = maximum + 1
    try:
        while left > 0 and (part := reader.read(min(left, 1_000_000))):
            parts.append(part)
            left -= len(part)
    except zstandard.ZstdError:
        return None
    return b"".join(parts)
