"""Text search by the index that the table has for it (decision 13)."""

from gql.planner.catalog import TableType
from gql.planner.conversions import text
from gql.planner.errors import ArgumentInvalid
from gql.planner.statement import Statement
from gql.planner.values import Value


def compile_search(statement: Statement, table: TableType, alias: str, search: Value | None) -> list[str]:
    """Two conditions for rows that contain what is searched for; a search without words finds nothing.

    The first is answered by an index, `ccgraph_tsvector(task$1.name || ...) @@ (SELECT ccgraph_candidates(
    $1::text))`, and the second looks at the texts of these rows.
    """
    if search is None or table.search is None:
        return []
    if search.is_null:
        raise ArgumentInvalid("`search` is null: give words to search for, or leave it out.", search.path)
    return [*table.search.conditions(alias, statement.parameter(search, text, "::text"))]


def compile_ranks(statement: Statement, table: TableType, search: Value) -> str:
    """The table's distinct texts that contain what is searched for, with how well they fit.

    `SELECT DISTINCT ... AS key, path AS text, ts_rank(words, ...) AS rank FROM file_paths WHERE words @@ ...`
    """
    if table.search is None:
        raise ArgumentInvalid("This list cannot be searched.", search.path)
    return table.search.ranks(statement.parameter(search, text, "::text"))


def compile_rank(statement: Statement, table: TableType, alias: str, search: Value) -> str:
    """SQL for how well a row fits, from 0 upwards. Raises: ArgumentInvalid for a table without text search.

    `(CASE ... ELSE ts_rank(ccgraph_tsvector(...), (SELECT ccgraph_tsquery($1::text))) END)::double precision`
    """
    if table.search is None:
        raise ArgumentInvalid("This list cannot be searched.", search.path)
    rank = table.search.rank(alias, statement.parameter(search, text, "::text"))
    # As double precision its JSON form has every digit, so that a cursor continues exactly.
    return f"({rank})::double precision"
