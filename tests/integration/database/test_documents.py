"""The database has every column, constraint and index that the two design documents name.

`documents/*.sql` are the documents' own statements, with what docs/decisions settles written in. PostgreSQL
runs them in a schema of its own, and its description of both is compared.
"""

from pathlib import Path

import pytest

from tests.integration.database.catalog import Catalog, Connection, read_catalog

DOCUMENTS = Path(__file__).parent / "documents"

# What does not fit in the documented type; see docs/database.md.
WIDENED = {
    ("notification_settings", "webhook_secret"): ("character varying(100)", "text"),
    ("worktree_sync_history", "sync_direction"): ("character varying(10)", "character varying(20)"),
}

ADDED_COLUMNS = {
    "auth_tokens": {"name", "family_id", "lineage"},
    "cc_instances": {
        *("activity", "activity_detail", "activity_since", "context_used_percent", "last_message", "model")
    },
    "cc_logs": {"xid"},
    "mcp_messages": {"server_name", "direction"},
    "mcp_tool_calls": {"message_instance_id", "server_name"},
    "notification_history": {
        *("lease_expires_at", "lease_holder", "message_id", "next_attempt_at", "summary_of"),
    },
    "notification_settings": {"previous_webhook_secret", "webhook_secret_changed_at"},
    "projects": {"hold_permission_requests"},
    "system_logs": {"xid"},
    "task_logs": {"xid"},
    "tasks": {"input_secrets", "lease_expires_at", "output_secrets"},
    "ultrathink_messages": {"completed_at"},
    "websocket_notifications": {"first_sent_at"},
}

ADDED_TABLES = {
    "alembic_version",
    "api_call_counts",
    "backup_runs",
    "cc_permission_requests",
    "cc_usage",
    "change_events",
    "collaboration_participants",
    "cc_provenance",
    "feed_running",
    "feed_starts",
    "feed_state",
    "file_operation_counts",
    "file_paths",
    "ingest_counts",
    "ingest_files",
    "ingest_records",
    "ingest_seen",
    "login_attempts",
    "maintenance_runs",
    "mcp_messages_archive",
    "notification_pace",
    "notification_position",
    "project_archive_rows",
    "project_invitations",
    "projects_archive",
    "tasks_archive",
    "active_cc_instances",
    "error_summary",
    "mcp_message_stats",
    "parallel_execution_stats",
    "readonly_project_stats",
    "system_health",
    "system_queues",
    "table_partitions",
    "table_sizes",
    "task_execution_efficiency",
}

VIEWS = {
    "mcp_message_stats": ["date", "method", "message_count", "avg_processing_time_ms", "successful_calls"],
    "task_execution_efficiency": [
        "project_id",
        "total_tasks",
        "avg_duration",
        "completed_tasks",
        "completion_rate",
    ],
    "parallel_execution_stats": [
        "date",
        "concurrent_instances",
        "total_tasks",
        "avg_duration",
        "min_duration",
        "max_duration",
    ],
    "active_cc_instances": [
        "id",
        "project_id",
        "type",
        "status",
        "created_at",
        "last_heartbeat",
        "cc_instance_name",
        "parent_instance_name",
    ],
    "error_summary": ["date", "category", "log_level", "error_count"],
    "readonly_project_stats": ["id", "name", "status", "created_at", "task_count"],
}


@pytest.fixture
async def built(passing: Connection) -> Catalog:
    return await read_catalog(passing, "public")


@pytest.fixture
async def documented(passing: Connection) -> Catalog:
    await passing.execute("CREATE SCHEMA documented")
    await passing.execute("SET LOCAL search_path = documented, public")
    for name in ("client.sql", "terminal.sql"):
        await passing.execute((DOCUMENTS / name).read_text())
    return await read_catalog(passing, "documented")


async def test_every_documented_column_is_there_as_documented(built: Catalog, documented: Catalog) -> None:
    for key, column in documented.columns.items():
        if key[0] == "websocket_sessions":  # the documents refer to it and do not describe it
            continue
        expected = dict(column)
        if key in WIDENED:
            before, after = WIDENED[key]
            assert expected["type"] == before
            expected["type"] = after
        found = dict(built.columns[key])
        if expected["comment"] is None:
            del expected["comment"], found["comment"]
        assert (key, found) == (key, expected)


async def test_columns_beyond_the_documents_are_the_ones_that_we_explain(
    built: Catalog, documented: Catalog
) -> None:
    added: dict[str, set[str]] = {}
    for table, column in built.columns.keys() - documented.columns.keys():
        if table in documented.tables and table != "websocket_sessions":
            added.setdefault(table, set()).add(column)
    assert added == ADDED_COLUMNS
    assert built.tables - documented.tables == ADDED_TABLES


async def test_every_documented_constraint_is_there_as_documented(
    built: Catalog, documented: Catalog
) -> None:
    missing = {
        key: definition
        for key, definition in documented.constraints.items()
        if built.constraints.get(key) != definition
    }
    assert missing == {}


async def test_every_documented_index_is_there_as_documented(built: Catalog, documented: Catalog) -> None:
    missing = {
        key: (definition, built.indexes.get(key))
        for key, definition in documented.indexes.items()
        if built.indexes.get(key) != definition
    }
    assert missing == {}


async def test_every_table_and_column_has_the_documents_comment_or_one_of_ours(
    built: Catalog, documented: Catalog
) -> None:
    uncommented = [
        key
        for key, comment in [
            *built.comments.items(),
            *((key, column["comment"]) for key, column in built.columns.items()),
        ]
        if not comment and key[0] != "alembic_version"
    ]
    assert uncommented == []
    for key, comment in documented.comments.items():
        if comment is not None:
            assert (key, built.comments[key]) == (key, comment)


async def test_every_foreign_key_has_an_index_that_begins_with_it(passing: Connection) -> None:
    unindexed = await passing.fetch(
        """
        SELECT conrelid::regclass::text AS table, conname FROM pg_constraint
        WHERE contype = 'f' AND conparentid = 0 AND NOT EXISTS (
            SELECT FROM pg_index
            WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL
        )
        """
    )
    assert [tuple(row) for row in unindexed] == []


@pytest.mark.parametrize("name", sorted(VIEWS))
async def test_a_view_has_the_documented_columns_in_their_order(passing: Connection, name: str) -> None:
    statement = await passing.prepare(f"SELECT * FROM {name}")
    assert [attribute.name for attribute in statement.get_attributes()] == VIEWS[name]


async def test_the_documented_triggers_call_the_documented_functions(passing: Connection) -> None:
    rows = await passing.fetch(
        """
        SELECT tgname, tgrelid::regclass::text AS table, proname FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal
        """
    )
    triggers = {row["tgname"]: (row["table"], row["proname"]) for row in rows}
    for table in ("users", "sessions", "projects", "worktrees"):
        assert triggers[f"tr_{table}_updated_at"] == (table, "update_updated_at_column")
    for table in ("sessions", "worktrees"):
        assert triggers[f"tr_{table}_project_stats"] == (table, "update_project_stats")


async def test_every_table_with_an_update_time_has_the_trigger(built: Catalog, passing: Connection) -> None:
    rows = await passing.fetch(
        """
        SELECT tgrelid::regclass::text AS table FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE proname = 'update_updated_at_column'
        """
    )
    with_time = {table for table, column in built.columns if column == "updated_at"}
    assert {row["table"] for row in rows} == with_time - {"projects_archive", "tasks_archive"}


async def test_partitions_carry_the_documented_autovacuum_settings(passing: Connection) -> None:
    options = {
        (row["parent"], tuple(row["reloptions"]))
        for row in await passing.fetch(
            """
            SELECT inhparent::regclass::text AS parent, reloptions FROM pg_inherits
            JOIN pg_class ON pg_class.oid = inhrelid
            WHERE relkind = 'r' AND inhparent::regclass::text
                IN ('system_logs', 'notification_history', 'file_operations')
            """
        )
    }
    often = ("autovacuum_vacuum_threshold=500", "autovacuum_analyze_threshold=250")
    assert options == {
        ("system_logs", ("autovacuum_vacuum_threshold=1000", "autovacuum_analyze_threshold=500")),
        ("notification_history", often),
        ("file_operations", often),
    }


async def test_retention_figures_are_settings_that_can_be_changed(passing: Connection) -> None:
    rows = await passing.fetch(
        "SELECT setting_key, setting_value::text, is_readonly FROM system_settings"
        " WHERE category = 'retention'"
    )
    assert {row["setting_key"]: row["setting_value"] for row in rows} == {
        "retention.cc_logs_days": "30",
        "retention.task_logs_days": "30",
        "retention.system_logs_days": "90",
        "retention.notification_history_days": "90",
        "retention.cc_usage_days": "400",
        "retention.cc_permission_requests_days": "90",
        "retention.file_operations_days": "90",
        "retention.ingest_files_days": "90",
        "retention.ingest_records_days": "7",
        "retention.change_events_days": "7",
        "retention.expired_tokens_days": "0",
        "retention.mcp_payload_days": "7",
        "retention.mcp_payload_characters": "10000",
    }
    assert not any(row["is_readonly"] for row in rows)
