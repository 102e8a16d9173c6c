"""docs/errors.md names every code, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import gql.request.documents  # noqa: F401 - it adds a code of its own
from gql import errors
from services.core.errors import DomainError

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def codes_in(kind: type[DomainError]) -> Iterator[str]:
    """The codes of all domain errors."""
    for below in kind.__subclasses__():
        yield below.code
        yield from codes_in(below)


def test_the_page_lists_exactly_the_codes_that_there_are() -> None:
    of_the_api = {errors.PARSE_FAILED, errors.VALIDATION_FAILED, errors.BAD_USER_INPUT, errors.INTERNAL}
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(), re.MULTILINE)

    assert sorted(listed) == sorted(of_the_api | set(codes_in(DomainError)))
