"""Documents that keep the rules, and documents that do not."""

from typing import Any

import pytest

from gql.request.limits import Limits
from gql.request.preparation import InvalidDocument, InvalidVariables, Operation, Preparation
from gql.schema import build_schema

SCHEMA = build_schema()[0]._schema
KEY = "01a20000-0000-7000-8000-000000000000"
FRAGMENT = "fragment Found on Query { project(by: {projectId: $id}) { name } }"


def prepared(text: str) -> Operation:
    return Preparation(SCHEMA, Limits()).operation(text, None)


@pytest.mark.parametrize(
    "text",
    [
        f"query ($id: UUID!) {{ ...Found }} {FRAGMENT}",
        f"{FRAGMENT} query ($id: UUID!) {{ ...Found }}",
        "query ($id: UUID!) { project(by: {projectId: $id}) { name } }",
        f'query {{ project(by: {{projectId: "{KEY}"}}) {{ name }} }}',
    ],
)
def test_one_key_may_stand_anywhere(text: str) -> None:
    assert prepared(text).name is None


@pytest.mark.parametrize(
    "text",
    [
        "query ($id: UUID) { project(by: {projectId: $id}) { name } }",
        f"{FRAGMENT} query ($id: UUID) {{ ...Found }}",
        f"{FRAGMENT} query {{ ...Found }}",
        "{ project(by: {}) { name } }",
        "{ project(by: {id: null}) { name } }",
        f'{{ project(by: {{id: 1, projectId: "{KEY}"}}) {{ name }} }}',
    ],
)
def test_what_gives_no_key_or_several_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        prepared(text)
    assert refusal.value.parsed
    assert len(refusal.value.errors) == 1


@pytest.mark.parametrize("key", [{}, {"id": None}, {"id": 1, "projectId": KEY}])
def test_so_is_a_variable_that_does(key: dict[str, Any]) -> None:
    operation = prepared("query ($key: ProjectBy!) { project(by: $key) { name } }")
    assert operation.variables(SCHEMA, {"key": {"id": 1}}).coerced == {"key": {"id": 1}}
    with pytest.raises(InvalidVariables):
        operation.variables(SCHEMA, {"key": key})


@pytest.mark.parametrize(
    "text",
    ["{ me {} }", "{}", "mutation {}", "{ me { ... on User {} } }", "{ me { id } } fragment F on User {}"],
)
def test_an_empty_selection_set_is_a_mistake_of_syntax(text: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        prepared(text)
    assert not refusal.value.parsed
