"""Every text that others may read is masked on its way in, or its model says why it is not."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from models import Base
from models.policy import OWN, RULES
from services.secrets.masking import MASK
from services.secrets.vault import Vault
from services.writing.tables import TABLES
from services.writing.values import conceal

RECORDED = {
    "mcp_messages": {"params", "result", "error", "method", "rpc_id", "server_name"},
    "cc_instances": {"activity_detail", "last_message", "model"},
    "cc_permission_requests": {"tool_name", "tool_input", "suggestions", "message"},
    "cc_usage": {"model", "request_id"},
    "mcp_tool_calls": {"server_name"},
}
"""Columns that the use cases which write them mask; their tests try each."""

KEPT_BY_SERVER = {"projects.collaborators", "system_settings.previous_value"}
"""Copies that triggers make: ids of people, and a value that is stored in clear."""

SECRET = "ghp_" + "a1B2" * 9


def texts() -> Iterator["Column[object]"]:
    """The columns of all tables, views and archives aside, that hold free text or JSON and are not hidden."""
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        if not isinstance(table, Table) or table.info.get("view") or table.name.endswith("_archive"):
            continue
        for column in table.columns:
            if isinstance(column.type, String | JSONB) and not column.info.keys() & {"hidden", "private"}:
                yield column


def is_masked(column: "Column[object]") -> bool:
    table = TABLES.get(column.table.name)
    return table is not None and column.name in table.columns and table.columns[column.name].masked


def has_room(column: "Column[object]") -> bool:
    """Whether the secret fits in it."""
    return (getattr(column.type, "length", None) or 1_000) > len(SECRET)


@pytest.mark.parametrize("column", sorted(texts(), key=str), ids=str)
def test_a_text_is_masked_or_declared_in_clear_or_read_by_its_person_alone(column: "Column[object]") -> None:
    table: str = column.table.name
    declared = len(str(column.info.get("in_clear", "")).split()) >= 4
    assert (
        is_masked(column)
        or declared
        or column.name in RECORDED.get(table, ())
        or f"{table}.{column.name}" in KEPT_BY_SERVER
        or RULES.get(table) == OWN
        or table not in RULES  # not to be read through the API
    )


@pytest.mark.parametrize(
    "column", sorted((one for one in texts() if is_masked(one) and has_room(one)), key=str), ids=str
)
async def test_a_secret_in_a_masked_column_is_replaced_and_fits(column: "Column[object]") -> None:
    table = TABLES[column.table.name]
    is_json = isinstance(column.type, JSONB)
    longest = getattr(column.type, "length", None)
    text = f"{'x' * (longest - len(SECRET) - 1)} {SECRET}" if longest else f"x {SECRET}"
    row = {column.name: f'{{"a": "{SECRET}"}}' if is_json else text}

    await conceal(table, [row], Vault.of("k" * 32))

    assert SECRET not in row[column.name]
    assert MASK[:4] in row[column.name]
    assert longest is None or len(row[column.name]) <= longest
