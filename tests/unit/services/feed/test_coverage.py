"""Of which columns the feed tells."""

import pytest

from services.feed.coverage import is_covered


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"tasks": {"id", "name", "status", "project_id", "created_at"}},
        {
            "projects": {"project_id", "owner_id", "collaborators", "is_public"},
            "cc_instances": {"id", "name"},
        },
        {"cc_instances": {"activity_detail", "last_message", "model", "context_used_percent"}},
    ],
)
def test_watched_columns_and_keys_are_told_of(columns: dict[str, set[str]]) -> None:
    assert is_covered({table: frozenset(names) for table, names in columns.items()})


@pytest.mark.parametrize(
    "columns",
    [
        {"tasks": {"name", "description"}},
        {"cc_instances": {"last_heartbeat"}},
        {"tasks": {"name"}, "users": {"username"}},
        {"cc_logs": {"id"}},
        # Rows that retention removes are no events.
        {"notification_history": {"status"}},
    ],
)
def test_other_columns_and_tables_are_not(columns: dict[str, set[str]]) -> None:
    assert not is_covered({table: frozenset(names) for table, names in columns.items()})
