"""Response bodies compressed by gzip, Brotli or Zstandard."""

import asyncio
import gzip
from collections.abc import Callable

import brotli
import zstandard

# Below this a compressed body saves no packet.
_MINIMUM_BYTES = 1_400
# From here on compressing takes longer than a turn of the event loop should.
_THREAD_FROM_BYTES = 100_000

# Levels past these cost several times as long and save a few percent on JSON.
_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
    "br": lambda body: brotli.compress(body, quality=3),
    "gzip": lambda body: gzip.compress(body, compresslevel=5, mtime=0),
}


async def compress(body: bytes, coding: str | None) -> tuple[bytes, str | None]:
    """The body and its Content-Encoding; short bodies stay as they are."""
    if coding is None or len(body) < _MINIMUM_BYTES:
        return body, None
    compressor = _COMPRESSORS[coding]
    if len(body) < _THREAD_FROM_BYTES:
        return compressor(body), coding
    return await asyncio.to_thread(compressor, body), coding
