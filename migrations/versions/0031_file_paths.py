"""Keeps the distinct paths of file operations with their words, so that a search ranks each path once."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE file_paths (
    path character varying(1000) NOT NULL,
    words tsvector GENERATED ALWAYS AS (ccgraph_tsvector(translate(path, '/._-', '    '))) STORED NOT NULL
)
"""
COMMENTS = {
    "TABLE file_paths": "ファイル操作に現れるパスの一覧",
    "COLUMN file_paths.path": "ファイルパス",
    "COLUMN file_paths.words": "検索語",
}
FILL = "INSERT INTO file_paths (path) SELECT DISTINCT file_path FROM file_operations"
INDEXES = (
    "CREATE INDEX idx_file_paths_path ON file_paths (hashtextextended(path, 0))",
    "CREATE INDEX idx_file_paths_search ON file_paths USING gin (words)",
    "CREATE INDEX idx_file_operations_path ON file_operations"
    " (hashtextextended(file_path, 0), id, created_at)",
    "CREATE INDEX idx_file_operations_session_path ON file_operations"
    " (session_id, hashtextextended(file_path, 0))",
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

EVENTS = ("INSERT", "UPDATE")


def upgrade() -> None:
    """Gather the paths and index operations by them; writers of file_operations wait meanwhile.

    Ten million operations take about a minute.
    """
    op.execute("LOCK TABLE file_operations IN SHARE ROW EXCLUSIVE MODE")
    op.execute(TABLE)
    for name, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {name} IS '{comment}'")
    op.execute(FILL)
    for index in INDEXES:
        op.execute(index)
    op.execute(ADD)
    for event in EVENTS:
        op.execute(
            f"CREATE TRIGGER tr_file_operations_paths_{event.lower()} AFTER {event} ON file_operations "
            "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ccgraph_add_file_paths()"
        )
    op.execute("ANALYZE file_paths")


def downgrade() -> None:
    """Drop the paths, and what keeps them."""
    for event in EVENTS:
        op.execute(f"DROP TRIGGER tr_file_operations_paths_{event.lower()} ON file_operations")
    op.execute("DROP FUNCTION ccgraph_add_file_paths()")
    op.execute("DROP INDEX idx_file_operations_session_path")
    op.execute("DROP INDEX idx_file_operations_path")
    op.execute("DROP TABLE file_paths")
