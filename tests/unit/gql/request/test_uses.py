"""How often a document uses a variable."""

import pytest

from gql.compat.strawberry_graphql import core_schema
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from gql.schema import build_schema

PREPARATION = Preparation(core_schema(build_schema()[0]), Limits())


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("subscription($a: String) { taskChanged(after: $a) { cursor } }", 1),
        ("# $a $a\nsubscription($a: String) { taskChanged(after: $a) { cursor } }", 1),
        ("""subscription($a: String, $ab: UUID) { taskChanged(after: $a, projectId: $ab) { cursor } }""", 1),
        (
            """subscription($a: String) { taskChanged(after: $a) { ...F } }
            fragment F on TaskEvent { task { project { tasks(after: $a) { totalCount } } } }""",
            2,
        ),
    ],
)
def test_uses_are_counted_in_operations_and_fragments_and_not_in_comments(text: str, times: int) -> None:
    assert PREPARATION.operation(text, None).uses("a") == times
