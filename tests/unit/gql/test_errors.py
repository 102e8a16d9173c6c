"""Exceptions as entries of `errors`: codes, fields, and nothing that should stay inside."""

import asyncpg
import pytest
from graphql import GraphQLError, parse
from structlog.testing import capture_logs

from gql.errors import (
    VALIDATION_FAILED,
    format_error,
    format_execution_errors,
    format_request_errors,
)
from services.core.errors import BadInput, QueryTooComplex, RateLimited


def located(original: Exception) -> GraphQLError:
    return GraphQLError(str(original), path=["task", "name"], original_error=original)


def test_a_domain_error_keeps_its_code_field_and_details() -> None:
    [entry] = format_execution_errors([located(BadInput("Choose a name.", field="input.name", atMost=100))])

    assert entry == {
        "message": "Choose a name.",
        "path": ["task", "name"],
        "extensions": {"code": "BAD_USER_INPUT", "field": "input.name", "atMost": 100},
    }


def test_a_domain_error_is_found_below_nested_graphql_errors() -> None:
    entry = format_error(GraphQLError("outer", original_error=located(RateLimited("Wait.", retryAfter=3))))

    assert entry["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 3}


def test_an_unforeseen_exception_is_an_id_outside_and_a_type_with_frames_in_the_log() -> None:
    with capture_logs() as logs:
        [entry] = format_execution_errors([located(failing("SELECT hunter2"))])

    assert set(entry["extensions"]) == {"code", "id"}
    assert entry["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert entry["extensions"]["id"] in entry["message"]
    assert logs[0]["error_id"] == entry["extensions"]["id"]
    assert logs[0]["exception"] == "KeyError"
    assert "test_errors.py" in logs[0]["frames"][0]
    assert "hunter2" not in str(entry) + str(logs)


def test_a_syntax_error_says_where_it_is() -> None:
    with pytest.raises(GraphQLError) as caught:
        parse("{ me ")

    entry = format_error(caught.value)

    assert entry["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}
    assert entry["locations"] == [{"line": 1, "column": 6}]


def test_errors_before_execution_carry_the_code_of_their_stage_unless_they_bring_one() -> None:
    entries = format_request_errors(
        [GraphQLError("Unknown type."), located(QueryTooComplex("Ask for less.", depth=40))],
        VALIDATION_FAILED,
    )

    assert [entry["extensions"]["code"] for entry in entries] == [
        "GRAPHQL_VALIDATION_FAILED",
        "QUERY_TOO_COMPLEX",
    ]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (asyncpg.UniqueViolationError("duplicate key (email)=(a@b.c)"), "CONFLICT"),
        (asyncpg.ForeignKeyViolationError("key (project_id)=(7)"), "CONFLICT"),
        (asyncpg.NotNullViolationError("null in column name"), "BAD_USER_INPUT"),
        (asyncpg.CheckViolationError("violates chk_priority"), "BAD_USER_INPUT"),
        (asyncpg.NumericValueOutOfRangeError("integer out of range"), "BAD_USER_INPUT"),
        (asyncpg.CharacterNotInRepertoireError("0x00"), "BAD_USER_INPUT"),
        (asyncpg.QueryCanceledError("statement timeout"), "QUERY_TOO_COMPLEX"),
        (asyncpg.DeadlockDetectedError("process 1 waits"), "CONFLICT"),
        (asyncpg.UndefinedColumnError("column x"), "INTERNAL_SERVER_ERROR"),
    ],
)
def test_a_refusal_of_the_database_becomes_a_code_without_its_text(
    refusal: asyncpg.PostgresError, code: str
) -> None:
    [entry] = format_execution_errors([located(refusal)])

    assert entry["extensions"]["code"] == code
    assert str(refusal) not in str(entry)


def failing(secret: str) -> Exception:
    rows: dict[str, str] = {}
    try:
        rows[secret] += "!"
    except KeyError as error:
        return error
    raise AssertionError
