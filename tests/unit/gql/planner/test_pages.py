"""Sizes of pages."""

import pytest

from gql.planner.errors import ArgumentInvalid
from gql.planner.pages import DEFAULT_PAGE, MAXIMUM_PAGE, page_size, without_null_page
from tests.unit.gql.planner.clauses import asked, statement


def size(given: str, **variables: object) -> tuple[int, bool]:
    field = asked(given)
    return page_size(without_null_page(field.arguments(statement(is_admin=True, **variables).env)), field)


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ("", (DEFAULT_PAGE, False)),
        ("first: 3", (3, False)),
        ("last: 2", (2, True)),
        ("first: 0", (0, False)),
        (f"first: {MAXIMUM_PAGE}", (MAXIMUM_PAGE, False)),
        ("first: null, last: 4", (4, True)),
        ("first: $n", (9, False)),
        ("first: $absent", (DEFAULT_PAGE, False)),
    ],
)
def test_a_page_has_a_size_and_a_direction(given: str, page: tuple[int, bool]) -> None:
    assert size(given, n=9) == page


@pytest.mark.parametrize(
    ("given", "argument"),
    [("first: 501", "first"), ("last: -1", "last"), ("first: 1, last: 1", "last"), ("first: $n", "first")],
)
def test_a_size_that_there_is_not_is_refused_with_its_argument(given: str, argument: str) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        size(given, n=MAXIMUM_PAGE + 1)
    assert refusal.value.path == ("list", argument)
