"""What is known of the rules beside their SQL is what their SQL says."""

import re

import pytest

from models import change_policy, policy
from services.writing.archived import archived_condition, archiving_columns
from services.writing.permissions import VIEWER
from services.writing.references import conditions_of, deciding_columns
from services.writing.tables import TABLES


@pytest.mark.parametrize("table", policy.RULES)
def test_a_policy_names_the_viewer_where_it_says_so(table: str) -> None:
    for options in ({}, {"one_by_one": True}, {"at_first": True}):
        assert ("the viewer" in policy.visible(table, "r", "the viewer", **options)) is policy.is_by_viewer(
            table
        )


def test_policies_by_the_viewer_and_others_are_told_apart() -> None:
    assert policy.is_by_viewer("mcp_tool_calls")
    assert not policy.is_by_viewer("users")
    assert not policy.is_by_viewer("system_settings")
    assert not policy.is_by_viewer("error_summary")


@pytest.mark.parametrize("table", policy.RULES)
def test_what_a_parameter_is_compared_with_is_made_once_for_the_statement(table: str) -> None:
    predicate = policy.visible(table, "the_row", "$1::int")
    assert "@> jsonb_build_array" not in predicate
    assert ("@> (SELECT jsonb_build_array" in predicate) is (
        "@> jsonb_build_array" in policy.visible(table, "the_row", "viewer.user_id")
    )


def columns_in(sql: str, row: str) -> set[str]:
    """The columns that the SQL takes of the row."""
    return set(re.findall(rf"(?<![\w.]){row}\.(\w+)", sql))


@pytest.mark.parametrize("table", policy.RULES)
def test_a_policy_decides_by_the_columns_that_it_names(table: str) -> None:
    assert columns_in(policy.visible(table, "the_row", "$1"), "the_row") == policy.deciding_columns(table)
    changing = change_policy.changeable(table, "the_row", "$1")
    assert columns_in(changing, "the_row") == change_policy.deciding_columns(table)


@pytest.mark.parametrize("table", TABLES)
def test_what_is_asked_of_a_row_that_is_written_is_asked_of_these_columns(table: str) -> None:
    assert columns_in(archived_condition(table, "the_row"), "the_row") == archiving_columns(table)
    writable = TABLES[table]
    named = columns_in(" ".join(conditions_of(writable, VIEWER)), "written")
    keys = {column.name for column in writable.table.c if column.foreign_keys}
    assert {column.name for column in deciding_columns(writable)} == named | keys
