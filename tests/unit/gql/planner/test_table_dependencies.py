"""What is found in the text of a statement."""

from pathlib import Path

import pytest

from gql.planner.table_dependencies import reads
from models import metadata
from models.views import VIEWS

CASES = Path(__file__).parents[3] / "golden" / "cases"


def found(case: str) -> dict[str, set[str]]:
    """The columns by table that a golden statement reads."""
    statement = (CASES / f"{case}.sql").read_text().partition("\n-- $1")[0]
    return {table: set(columns) for table, columns in reads(statement).columns.items()}


def test_the_columns_of_each_table_are_told_apart() -> None:
    assert found("one_row.administrator") == {
        "cc_instances": {"id", "name", "status", "created_at", "project_id"},
        "projects": {"name", "owner_id", "project_id"},
        "users": {"id", "username"},
    }


def test_a_policy_is_part_of_what_is_read() -> None:
    assert found("aggregate.administrator") == {
        "tasks": {"actual_duration_minutes", "completed_at", "status"}
    }
    assert found("aggregate.viewer") == {
        "tasks": {"actual_duration_minutes", "completed_at", "status", "project_id"},
        "projects": {"collaborators", "is_public", "owner_id", "project_id"},
    }


def test_recursions_and_dependencies_are_read() -> None:
    assert found("hierarchy.administrator") == {"cc_instances": {"id", "name", "parent_instance_id"}}
    assert found("readiness.administrator")["task_dependencies"] == {
        "dependency_task_id",
        "dependency_type",
        "task_id",
    }


def test_a_policy_that_looks_at_the_clock_is_noticed() -> None:
    statement = (CASES / "shared_sessions.viewer.sql").read_text()
    assert reads(statement).clock
    assert not reads((CASES / "shared_sessions.administrator.sql").read_text()).clock


def test_names_and_texts_in_quotes_are_nothing_that_is_read() -> None:
    assert reads(
        """SELECT 'tasks', "users" FROM projects AS "tasks" WHERE projects.name = 'it''s now'"""
    ) == (reads("SELECT FROM projects WHERE projects.name = ''"))


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - {"table_sizes", "table_partitions"}))
def test_a_view_stands_for_the_tables_behind_it(view: str) -> None:
    columns = reads(f"SELECT v$1.id FROM {view} AS v$1").columns
    assert columns
    assert not columns.keys() & VIEWS.keys()
    assert all(columns[table] <= {*metadata.tables[table].columns.keys()} for table in columns)


def test_what_the_catalogues_of_postgresql_tell_is_of_no_table() -> None:
    for view in ("table_sizes", "table_partitions"):
        found = reads(f"SELECT FROM {view}")
        assert not found.columns
        assert found.clock  # so that a live query is read again although no event tells of it


def test_a_column_that_could_be_of_several_tables_is_one_of_all() -> None:
    assert reads(VIEWS["readonly_project_stats"]).columns["tasks"] >= {"name", "status", "project_id"}
