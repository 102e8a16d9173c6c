"""The distinct paths of file operations, so that a search ranks each path once (decision 137).

Triggers add a path that is not there yet. No writer waits for another one: two that name a new path at once
add it twice, and the planner takes both for one. Maintenance removes what no operation names any more. No
mapped class: the planner asks it beside `file_operations`.
"""

from sqlalchemy import Column, Computed, Index, String, Table, text
from sqlalchemy.dialects.postgresql import TSVECTOR

from models.base import Base
from models.search import key_of_text

file_paths = Table(
    "file_paths",
    Base.metadata,
    Column("path", String(1000), nullable=False, comment="ファイルパス", doc="Path of a file."),
    Column(
        "words",
        TSVECTOR,
        Computed("ccgraph_tsvector(translate(path::text, '/._-'::text, '    '::text))", persisted=True),
        nullable=False,
        comment="検索語",
        doc="The words of the path, as a search looks for them.",
    ),
    Index("idx_file_paths_path", text(key_of_text("path"))),
    Index("idx_file_paths_search", "words", postgresql_using="gin"),
    comment="ファイル操作に現れるパスの一覧",
)

# A snapshot that is older than the statement does not see what maintenance has removed since.
ADD = """
CREATE OR REPLACE FUNCTION ccgraph_add_file_paths() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO file_paths (path)
    SELECT file_path FROM (SELECT DISTINCT file_path FROM new_rows) AS named
    WHERE current_setting('transaction_isolation') <> 'read committed' OR NOT EXISTS (
        SELECT FROM file_paths
        WHERE hashtextextended(path, 0) = hashtextextended(file_path, 0) AND path = file_path);
    RETURN NULL;
END
$$
"""

FUNCTIONS = (ADD,)

TRIGGERS = tuple(
    f"CREATE TRIGGER tr_file_operations_paths_{event.lower()} AFTER {event} ON file_operations "
    "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_add_file_paths()"
    for event in ("INSERT", "UPDATE")
)


def unnamed(kept: str = "true") -> str:
    """SQL for a row of file_paths that no operation names, of those for which `kept` holds."""
    return (
        "NOT EXISTS (SELECT FROM file_operations"
        f" WHERE {key_of_text('file_operations.file_path')} = {key_of_text('file_paths.path')}"
        f" AND file_operations.file_path = file_paths.path AND {kept})"
    )


TWICE = (
    "EXISTS (SELECT FROM file_paths AS earlier"
    f" WHERE {key_of_text('earlier.path')} = {key_of_text('file_paths.path')}"
    " AND earlier.path = file_paths.path AND earlier.ctid < file_paths.ctid)"
)
"""SQL for a row of file_paths that says what an earlier one does."""
