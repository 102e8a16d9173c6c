"""What is drawn fits the models column by column, and is the same for the same seed."""

from collections.abc import Iterator
from functools import cache

import pytest
from sqlalchemy import Column, Table

from models import metadata
from models.types import Choice
from services.core.json_codec import read_stored
from services.demo.row_counts import REFERENCE, figures_for
from services.demo.table_loads import Shipment, shipments
from services.secrets.masking import mask_all
from tests.unit.services.demo.drawn import SEED, digest, tables

LEFT_OUT = {
    "alembic_version",
    "api_call_counts",
    "backup_runs",
    "change_events",
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
    "system_settings",
    "tasks_archive",
}
"""Archives fill by archiving, the feed by triggers, settings by the migrations, counters by use,
the record of backups by backups.
Who works on a project of the demo has accepted the invitation."""


STORED = {name for name, table in metadata.tables.items() if not table.info.get("view")}
NAMES = sorted(STORED - LEFT_OUT)
"""Of the tables that are drawn, which takes too long for every worker that collects these tests."""


@cache
def drawn() -> dict[str, Shipment]:
    found = shipments(figures_for(0.01), SEED, REFERENCE, "not a hash")
    return {each.table: each._replace(rows=list(each.rows)) for each in found}


def required(table: Table) -> Iterator[Column[object]]:
    return (
        column
        for column in table.columns
        if not column.nullable and column.server_default is None and column.identity is None
    )


def test_every_table_of_the_documents_is_drawn() -> None:
    assert sorted(drawn()) == NAMES
    assert sorted(tables()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_columns_exist_and_none_that_needs_a_value_is_left_out(name: str) -> None:
    table, shipment = metadata.tables[name], drawn()[name]
    assert set(shipment.columns) <= set(table.columns.keys())
    assert {column.name for column in required(table)} <= set(shipment.columns)


@pytest.mark.parametrize("name", NAMES)
def test_no_column_that_is_encrypted_or_hashed_is_drawn_and_no_secret_in_one_that_is_divided(
    name: str,
) -> None:
    shipment = drawn()[name]
    facts = {column: metadata.tables[name].c[column].info for column in shipment.columns}
    assert not [column for column, info in facts.items() if info.keys() & {"sealed", "fingerprint_of"}]
    divided = [place for place, info in enumerate(facts.values()) if "parts" in info]
    assert divided if name == "tasks" else not divided
    for row in shipment.rows:
        values = [read_stored(row[place]) for place in divided if row[place] is not None]
        assert mask_all(values) == values


@pytest.mark.parametrize("name", NAMES)
def test_values_are_of_the_closed_lists_and_not_null_where_they_must_not_be(name: str) -> None:
    for column in metadata.tables[name].columns:
        if column.name not in tables()[name][0]._fields:
            continue
        values = {getattr(row, column.name) for row in tables()[name]}
        assert column.nullable or None not in values
        if isinstance(column.type, Choice):
            assert values - {None} <= {member.value for member in column.type.enum_class}


@pytest.mark.parametrize("name", NAMES)
def test_references_are_to_rows_that_were_drawn(name: str) -> None:
    for column in metadata.tables[name].columns:
        if column.name not in tables()[name][0]._fields:
            continue
        for key in column.foreign_keys:
            there = {getattr(row, key.column.name) for row in tables()[key.column.table.name]}
            here = {getattr(row, column.name) for row in tables()[name]}
            assert here - {None} <= there, f"{name}.{column.name}"


def test_tables_come_after_those_they_refer_to() -> None:
    seen = set[str]()
    for shipment in drawn().values():
        seen.add(shipment.table)
        for column in metadata.tables[shipment.table].columns:
            if column.name in shipment.columns:
                assert {key.column.table.name for key in column.foreign_keys} <= seen


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    assert digest(0.01, 1) == digest(0.01, 1)
    assert digest(0.01, 1) != digest(0.01, 2)


def test_a_scale_says_exactly_how_long_the_long_tables_are() -> None:
    figures = figures_for(0.02)
    assert len(tables()["file_operations"]) == figures.file_operations
    assert len(tables()["system_logs"]) == figures.system_logs
    assert len(tables()["notification_history"]) == figures.notification_history
