"""One encoder makes every event of a stream, and every client's parser reads the same JSON out of it."""

import json
from collections.abc import Callable

import orjson
import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from app.http.sse import encode_event

BREAKS = ("\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
VALUE = {"rows": [{"text": f"left{found}right"} for found in BREAKS], "名前": "東京 🗼", "id: 7": "data: x"}


def by_standard(text: str) -> list[tuple[str, str, str]]:
    """As browsers and httpx-sse cut it: at CR, LF and both together."""
    return _events(SSELineDecoder().decode(text))


def by_unicode(text: str) -> list[tuple[str, str, str]]:
    """As clients do that leave lines to Python, Java or Swift."""
    return _events(text.splitlines())


def _events(lines: list[str]) -> list[tuple[str, str, str]]:
    decoder = SSEDecoder()
    found = [event for line in lines if (event := decoder.decode(line)) is not None]
    return [(event.event, event.id, event.data) for event in found]


@pytest.mark.parametrize("parse", [by_standard, by_unicode])
@pytest.mark.parametrize("between", BREAKS)
@pytest.mark.parametrize("place", [None, "AbC-_1"])
def test_every_parser_reads_one_json_text(
    parse: Callable[[str], list[tuple[str, str, str]]], between: str, place: str | None
) -> None:
    """`between` stands where PostgreSQL has its line break: between two values."""
    text = json.dumps(VALUE, ensure_ascii=False).replace(", ", f",{between} ")
    if between.encode().isspace() or between in "\x1c\x1d\x1e":
        payload = text.encode()
    else:  # no JSON knows these between values
        payload = orjson.dumps(VALUE)
    [(name, id_, data)] = parse(encode_event(b"next", payload, place).decode())
    assert (name, id_, json.loads(data)) == ("next", place or "", VALUE)


@pytest.mark.parametrize("parse", [by_standard, by_unicode])
def test_what_follows_an_event_is_another_one(parse: Callable[[str], list[tuple[str, str, str]]]) -> None:
    stream = encode_event(b"next", b'{"a":[1,\n 2]}') + b":\n\n" + encode_event(b"complete")
    assert parse(stream.decode()) == [("next", "", '{"a":[1,  2]}'), ("complete", "", "")]
