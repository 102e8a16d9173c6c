"""JSON is read with all its digits."""

import json
from contextlib import suppress

import pytest

from services.core.json_codec import read_json


@pytest.mark.parametrize(
    "number", [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**30, -(10**300)]
)
def test_a_whole_number_of_any_size_keeps_its_digits(number: int) -> None:
    assert read_json(f'{{"a": [{number}]}}') == {"a": [number]}
    assert read_json(f'{{"a": [{number}]}}'.encode()) == {"a": [number]}


def test_long_digits_in_texts_and_fractions_are_read_as_they_are() -> None:
    text = (
        '{"card": "1234567890123456789012", "pi": 3.1415926535897932384626, "big": 1e30, "東京": "\\u6771"}'
    )

    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "1" * 5000,
        f"[{'9' * 5000}]",
        "[" * 2000 + "]" * 2000,
        '"\\ud800"',
        "1e999",
        "NaN",
        "[1234567890123456789012, NaN]",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(text)


def test_what_is_nested_deeply_is_read_or_refused_as_the_stack_of_this_python_allows() -> None:
    with suppress(json.JSONDecodeError):
        assert read_json("[" * 1000 + "1" * 20 + "]" * 1000)
