"""Numbers of file operations, by session and kind, so that totals need not count them one by one.

Triggers write a row for each statement: what it added, or took away as a negative number. The sum is exact
in every snapshot, and no writer waits for another one, as they would if all changed the same row. Maintenance
adds rows of the same session and kind up. No mapped class: the planner asks it in place of `file_operations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import BigInteger, Column, Index, Table, Uuid

from models.base import Base
from models.enums import FileOperationType
from models.types import Choice


@dataclass(frozen=True, slots=True)
class Counts:
    """A table whose `number` sums up to the count of another table's rows, by the `columns` of both."""

    table: str
    columns: frozenset[str]
    number: str


file_operation_counts = Table(
    "file_operation_counts",
    Base.metadata,
    # No foreign key: when a session goes, so do its operations, and what they leave here sums up to nothing.
    Column("session_id", Uuid(), nullable=False, comment="セッションID", doc="Id of the session."),
    Column(
        "operation_type",
        Choice(FileOperationType, 20),
        nullable=False,
        comment="操作種別",
        doc="What was done.",
    ),
    Column(
        "operations",
        BigInteger,
        nullable=False,
        comment="操作数の増減",
        doc="How many operations were added, negative where some were removed.",
    ),
    Index(
        "idx_file_operation_counts",
        "session_id",
        "operation_type",
        postgresql_include=["operations"],
    ),
    comment="ファイル操作数の集計",
)

COUNTS: Mapping[str, Counts] = MappingProxyType(
    {
        "file_operations": Counts(
            "file_operation_counts", frozenset({"session_id", "operation_type"}), "operations"
        )
    }
)
"""By the table that is counted."""

COUNT = """
CREATE OR REPLACE FUNCTION ccgraph_count_file_operations() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM file_operation_counts;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, count(*) FROM new_rows GROUP BY session_id, operation_type;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, -count(*) FROM old_rows GROUP BY session_id, operation_type;
    ELSE
        INSERT INTO file_operation_counts (session_id, operation_type, operations)
        SELECT session_id, operation_type, sum(step) FROM (
            SELECT session_id, operation_type, 1 AS step FROM new_rows
            UNION ALL SELECT session_id, operation_type, -1 FROM old_rows
        ) AS steps
        GROUP BY session_id, operation_type HAVING sum(step) <> 0;
    END IF;
    RETURN NULL;
END
$$
"""

SUM_UP = """
CREATE OR REPLACE FUNCTION ccgraph_sum_up_file_operations() RETURNS void
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM file_operation_counts WHERE (session_id, operation_type) IN (
            SELECT session_id, operation_type FROM file_operation_counts
            GROUP BY session_id, operation_type HAVING count(*) > 1 OR sum(operations) = 0)
        RETURNING session_id, operation_type, operations
    )
    INSERT INTO file_operation_counts (session_id, operation_type, operations)
    SELECT session_id, operation_type, sum(operations) FROM gone
    GROUP BY session_id, operation_type HAVING sum(operations) <> 0
$$
"""

FUNCTIONS = (COUNT, SUM_UP)

TRIGGERS = (
    *(
        f"CREATE TRIGGER tr_file_operations_counts_{event.lower()} AFTER {event} ON file_operations "
        f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_count_file_operations()"
        for event, rows in (
            ("INSERT", "NEW TABLE AS new_rows"),
            ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
            ("DELETE", "OLD TABLE AS old_rows"),
        )
    ),
    "CREATE TRIGGER tr_file_operations_counts_truncate AFTER TRUNCATE ON file_operations "
    "FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_count_file_operations()",
)
