"""Compressed bodies: all three codings, and none where it would not pay."""

import gzip

import brotli
import pytest
import zstandard

from app.http.compression import compress

READERS = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("size", [5_000, 500_000])
async def test_a_body_comes_back_as_it_was_and_was_smaller(coding: str, size: int) -> None:
    body = (b'{"name":"\xe6\x9d\xb1\xe4\xba\xac"},' * size)[:size]

    compressed, used = await compress(body, coding)

    assert used == coding
    assert len(compressed) < len(body) / 4
    assert READERS[coding](compressed) == body


async def test_a_short_body_stays_as_it_is() -> None:
    assert await compress(b'{"data":null}', "gzip") == (b'{"data":null}', None)


async def test_without_an_accepted_coding_nothing_is_compressed() -> None:
    body = b"x" * 100_000

    assert await compress(body, None) == (body, None)
