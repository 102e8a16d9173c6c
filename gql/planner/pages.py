"""One page of rows: how many, from where on, in which order."""

from collections.abc import Callable
from dataclasses import dataclass

from gql.planner.catalog import TableType
from gql.planner.conversions import integer
from gql.planner.cursors import Cursor, compile_after, read_cursor
from gql.planner.errors import ArgumentInvalid
from gql.planner.order import Order, compile_order
from gql.planner.selection import Field
from gql.planner.statement import Statement
from gql.planner.values import Value

DEFAULT_SIZE = 50
LARGEST_SIZE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """`text` selects the page's rows; outside it they are known as `alias`, in the order `outer_order`.

    `place` is the column that numbers the rows from the page's near end, where one more row than `size` was
    fetched in order to know whether there is one; empty otherwise.
    """

    text: str
    alias: str
    order: Order
    outer_order: str
    size: int
    backward: bool
    place: str


def compile_page(
    statement: Statement,
    table: TableType,
    conditions: Callable[[str], list[str]],
    arguments: dict[str, Value],
    field: Field,
    *,
    ahead: bool,
    ordered_by: frozenset[str] | None = None,
) -> Page:
    """The rows of one page, before anything is joined to them.

    `SELECT task$1.* FROM tasks AS task$1 WHERE ... ORDER BY task$1.priority DESC, task$1.id DESC LIMIT 20`

    The page size stands in the text: PostgreSQL plans for that many rows, not for a tenth of the table.

    In a partitioned table PostgreSQL expects the rows behind a key in every partition, so it thinks them many
    and prefers to walk through all partitions in the wanted order until it has met enough of them, which
    may mean all rows. So unless an index brings them in order they are gathered first:
    `FROM (SELECT task_log$1.* FROM task_logs AS task_log$1 WHERE task_log$1.task_id = ... OFFSET 0)`
    """
    size, backward = page_size(arguments, field)
    alias = statement.alias(table.label)
    order = compile_order(statement, table, alias, arguments)
    source = f"{table.table} AS {alias}"
    found = conditions(alias)
    if ordered_by is not None and order.terms[0].label not in ordered_by:
        source = f"(\nSELECT {alias}.*\nFROM {source}\nWHERE {' AND '.join(found)}\nOFFSET 0\n) AS {alias}"
        found = []
    for name, reverse in (("after", False), ("before", True)):
        cursor = _cursor(table, order, arguments, name)
        if cursor is not None:
            found.append(compile_after(statement, order, cursor, reverse=reverse))
    text = (
        f"SELECT {order.select(alias)}\nFROM {source}{order.joined}"
        + (f"\nWHERE {' AND '.join(found)}" if found else "")
        + f"\nORDER BY {order.text(reverse=backward)}\nLIMIT {size + ahead}"
    )
    place = ""
    if ahead:
        place = statement.alias("place")
        text = f"SELECT {alias}.*, row_number() OVER () AS {place}\nFROM (\n{text}\n) AS {alias}"
    return Page(text, alias, order, f"\nORDER BY {order.outer(alias)}", size, backward, place)


def page_size(arguments: dict[str, Value], field: Field) -> tuple[int, bool]:
    """The number of rows, and whether they are the last ones: `first`, `last`, or neither."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise ArgumentInvalid("Ask for `first` or for `last`, not for both.", (*field.path, "last"))
    given = first if last is None else last
    if given is None:
        return DEFAULT_SIZE, False
    name = given.path[-1]
    if given.is_null:
        raise ArgumentInvalid(f"`{name}` is null: give a number, or leave it out.", given.path)
    size = integer(given.plain())
    if not 0 <= size <= LARGEST_SIZE:
        raise ArgumentInvalid(f"`{name}` must be between 0 and {LARGEST_SIZE}.", given.path)
    return size, last is not None


def _cursor(table: TableType, order: Order, arguments: dict[str, Value], name: str) -> Cursor | None:
    value = arguments.get(name)
    if value is None:
        return None
    if value.is_null:
        raise ArgumentInvalid(f"`{name}` is null: give a cursor, or leave it out.", value.path)
    return read_cursor(value, order)
