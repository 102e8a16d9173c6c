"""Values as the driver takes them, or why not."""

from decimal import Decimal
from typing import Any

import pytest

from gql.planner import conversions, names
from gql.planner.column_types import CONVERT, ColumnType
from gql.planner.conversions import ChoiceOf, Each
from models.enums import TaskStatus


@pytest.mark.parametrize(
    ("convert", "given", "expected"),
    [
        (conversions.text, "東京", "東京"),
        (conversions.integer, 3.0, 3),
        (conversions.big_integer, "9007199254740993", 9007199254740993),
        (conversions.decimal, 1.5, Decimal("1.5")),
        (conversions.boolean, False, False),
        (conversions.json_text, {"a": [1, None]}, '{"a":[1,null]}'),
        (Each(conversions.integer), [1, 2], [1, 2]),
        (Each(conversions.integer), 1, [1]),
        (ChoiceOf(TaskStatus), "RUNNING", "RUNNING"),
        (ChoiceOf(TaskStatus), TaskStatus.RUNNING, "RUNNING"),
    ],
)
def test_what_fits_is_converted(convert: Any, given: object, expected: object) -> None:
    assert convert(given) == expected


@pytest.mark.parametrize(
    ("convert", "given"),
    [
        (conversions.text, "a\0b"),
        (conversions.text, "\ud800"),
        (conversions.text, 1),
        (conversions.integer, 2**31),
        (conversions.integer, True),
        (conversions.integer, 1.5),
        (conversions.big_integer, str(2**63)),
        (conversions.boolean, 1),
        (conversions.uuid, "x"),
        (conversions.moment, "yesterday"),
        (conversions.day, "2026-02-30"),
        (conversions.address, "300.0.0.1"),
        (Each(conversions.integer), [1, None]),
    ],
)
def test_what_does_not_fit_is_a_value_error_that_says_what_it_must_be(convert: Any, given: object) -> None:
    with pytest.raises(ValueError, match=r"must|is |has |cannot|contain"):
        convert(given)


def test_every_kind_but_choices_has_a_conversion() -> None:
    assert set(ColumnType) - set(CONVERT) <= {ColumnType.CHOICE}


def test_names_are_spelt_as_the_api_has_them() -> None:
    assert names.constant("createdAt") == "CREATED_AT"
    assert names.lower_first("CcInstance") == "ccInstance"
    assert names.upper_first("ccInstance") == "CcInstance"
