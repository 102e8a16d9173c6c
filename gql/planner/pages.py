"""One page of rows: how many, from where on, in which order."""

from dataclasses import dataclass
from typing import Protocol

from gql.planner.catalog import TableType
from gql.planner.conversions import integer
from gql.planner.cursors import Cursor, compile_after, compile_bound, read_cursor
from gql.planner.errors import ArgumentInvalid
from gql.planner.order import Order, compile_order
from gql.planner.ranking import Ranking, by_text
from gql.planner.search import compile_ranks
from gql.planner.selection import Field
from gql.planner.statement import Statement
from gql.planner.values import Value
from models.policy import SmallSet
from models.search import Texts

DEFAULT_PAGE = 50
MAXIMUM_PAGE = 500
"""Rows of a page where a query does not say, and at most; the cost of a query counts with both."""
NEARBY = 200
"""How many rows of the table are near for each row of a page that is searched for by time."""
STRETCH = 32
"""How many times as far as near rows those lie that are looked for next, and at most how many years."""

PAGE = ("first", "last", "after", "before")


@dataclass(frozen=True, slots=True)
class Page:
    """`text` selects the page's rows; outside it they are known as `alias`, in the order `outer_order`.

    With `ahead` it selects one row more than `size`, if there is one, in order to know that: the first of
    all when the page is read `backward`, the last one otherwise.
    """

    text: str
    alias: str
    order: Order
    outer_order: str
    size: int
    backward: bool
    ahead: bool

    @property
    def bounds(self) -> tuple[str, str]:
        """SQL for the places, from 1, of its first and its last row in an array of those selected."""
        if not self.size:
            return "0", "0"
        if self.backward:
            return f"greatest(count(*) - {self.size}, 0) + 1", "count(*)"
        return "1", f"least(count(*), {self.size})"


@dataclass(frozen=True, slots=True)
class Found:
    """Conditions on rows that are gathered: `by_index` all at once, and `then` on the rows that are left."""

    by_index: list[str]
    then: list[str]


class Listing(Protocol):
    """The rows of which a page is taken."""

    @property
    def statement(self) -> Statement:
        """The statement being compiled."""

    @property
    def table(self) -> TableType:
        """The table of the rows."""

    @property
    def arguments(self) -> dict[str, Value]:
        """The arguments of the list."""

    def allowed(self, alias: str, *, one_by_one: bool = False) -> list[str]:
        """Conditions for the rows that the viewer may see, for AND; `one_by_one` as in `policy.visible`."""

    def wanted(self, alias: str) -> list[str]:
        """Conditions of the query on the rows, for AND."""

    def conditions(self, alias: str) -> list[str]:
        """Conditions `allowed` and `wanted` of rows that are met one by one, for AND."""

    def found(self, alias: str) -> Found:
        """Conditions `allowed` and `wanted` of rows that are gathered before they are put in order."""

    def small_set(self, alias: str) -> SmallSet | None:
        """The way to find the viewer's rows where they are few; None where they may be many."""

    def is_short(self, order: Order) -> bool:
        """True if the rows are found first and then put in order, rather than read in order until enough."""

    def texts(self) -> Texts | None:
        """The index of the table's distinct texts, if all of the table is searched, by nothing else."""

    def is_searched_by_time(self, order: Order) -> bool:
        """True if the rows are searched for in a whole table and wanted in the order of its `timeline`."""


def compile_page(listing: Listing, field: Field, *, ahead: bool) -> Page:
    """The rows of one page, before anything is joined to them; one more than asked for when `ahead`.

    `SELECT task$1.* FROM tasks AS task$1 WHERE ... ORDER BY task$1.priority DESC, task$1.id DESC LIMIT 20`

    The page size stands in the text: PostgreSQL plans for that many rows, not for a tenth of the table.

    In a partitioned table PostgreSQL expects the rows behind a key in every partition, so it thinks them many
    and prefers to walk through all partitions in the wanted order until it has met enough of them, which may
    mean all rows. So where a list is short it is gathered first:
    `FROM (SELECT task_log$1.* FROM task_logs AS task_log$1 WHERE task_log$1.task_id = ... OFFSET 0)`
    What is searched for in a whole table and wanted by time is gathered in steps (`_nearest`).

    So are the rows of a viewer who may see few of a long table, which is known only when the statement runs:
    `WITH few$1 AS MATERIALIZED (SELECT count(*) <= 200 AS few FROM ...)
    (SELECT ... WHERE NOT (SELECT few FROM few$1) AND ... ORDER BY ... LIMIT 20) UNION ALL
    (SELECT ... FROM (SELECT ... WHERE (SELECT few FROM few$1) AND ... OFFSET 0) ... ORDER BY ... LIMIT 20)`
    """
    statement, table, arguments = listing.statement, listing.table, listing.arguments
    size, backward = page_size(arguments, field)
    alias = statement.alias(table.label)
    order = compile_order(statement, table, alias, arguments)
    rank = order.terms[0].expression
    small = listing.small_set(alias)
    texts = listing.texts() if small is not None or statement.env.is_admin else None
    if texts is not None and order.is_best_first and not backward:
        order = by_text(statement, order)
    else:
        texts = None
    behind, within = [], []
    for name, reverse in (("after", False), ("before", True)):
        cursor = _cursor(statement, order, arguments, name)
        if cursor is not None:
            behind.append(compile_after(statement, order, cursor, reverse=reverse))
            if texts is not None:
                within.append(compile_bound(statement, order, cursor, reverse=reverse))

    def rows(source: str, conditions: list[str]) -> str:
        return (
            f"SELECT {order.select(alias)}\nFROM {source}{order.joined}{_where(conditions)}"
            f"\nORDER BY {order.text(reverse=backward)}\nLIMIT {size + ahead}"
        )

    def gathered(conditions: list[str]) -> str:
        return (
            f"(\nSELECT {alias}.*\nFROM {table.table} AS {alias}{_where(conditions)}\nOFFSET 0\n) AS {alias}"
        )

    if texts is not None:
        ranks = compile_ranks(statement, table, arguments["search"])
        matches = gathered(listing.conditions(alias))
        text = Ranking(
            statement=statement,
            texts=texts,
            ranks=ranks,
            small=small,
            table=table.table,
            alias=alias,
            order=order,
            behind=behind,
            within=within,
            matches=matches,
            rank=rank,
            count=size + ahead,
        ).compile()
    elif listing.is_searched_by_time(order):
        found = listing.conditions(alias)
        nearest = _nearest(statement, table, alias, order, found, behind, size + ahead, reverse=backward)
        text = rows(nearest, [])
    elif listing.is_short(order):
        short = listing.found(alias)
        text = rows(gathered(short.by_index), [*short.then, *behind])
    elif small is not None:
        allowed, wanted = listing.allowed(alias, one_by_one=True), listing.wanted(alias)
        name = statement.alias("few")
        few = f"(SELECT few FROM {name})"
        walked = rows(f"{table.table} AS {alias}", [f"NOT {few}", *allowed, *wanted, *behind])
        picked = rows(gathered([few, small.gathered]), [*wanted, *behind])
        text = f"WITH {name} AS MATERIALIZED (\n{small.few}\n)\n({walked})\nUNION ALL\n({picked})"
    else:
        text = rows(f"{table.table} AS {alias}", [*listing.conditions(alias), *behind])
    return Page(text, alias, order, f"\nORDER BY {order.outer(alias)}", size, backward, ahead)


def _nearest(
    statement: Statement,
    table: TableType,
    alias: str,
    order: Order,
    found: list[str],
    behind: list[str],
    count: int,
    *,
    reverse: bool,
) -> str:
    """SQL for at least the page's rows, where rows are searched for in a whole table and wanted by time.

    A frequent word fills a page with rows of the last hours, and gathering all rows that it stands in takes
    a hundred times as long. So it is first looked for near the page's beginning, as far as the `edge`, and in
    the rest of the table only when that has not filled the page:

    `(WITH edge$1 AS MATERIALIZED (SELECT coalesce((SELECT ... OFFSET 10200 LIMIT 1), '-infinity') AS at),
    near$1 AS MATERIALIZED (SELECT ... WHERE ... AND created_at >= (SELECT at FROM edge$1) ... LIMIT 51)
    SELECT * FROM near$1 UNION ALL (SELECT ... WHERE ... AND created_at < (SELECT at FROM edge$1)
    AND (SELECT count(*) FROM near$1) < 51 ... LIMIT 51)) AS system_log$1`

    Of rows near the beginning an ordinary person may see few. So theirs are looked for some times as far
    (`_further_edge`) before the rest:

    `near$2 AS MATERIALIZED (SELECT ... WHERE ... AND created_at < (SELECT at FROM edge$1)
    AND created_at >= (SELECT at FROM edge$2) AND (SELECT count(*) FROM near$1) < 51 ... LIMIT 51)`
    """
    edge, near = statement.alias("edge"), statement.alias("near")
    time = order.terms[0].expression
    at = f"(SELECT at FROM {edge})"
    if order.terms[0].descending is not reverse:
        direction, end, inside, outside = " DESC", "-infinity", ">=", "<"
        other_end = f"{time} <= 'infinity'"
    else:
        direction, end, inside, outside = "", "infinity", "<=", ">"
        other_end = f"{time} >= '-infinity'"

    def pick(within: list[str], of_these: list[str]) -> str:
        return (
            f"SELECT {alias}.*\nFROM (\nSELECT {alias}.*\nFROM {table.table} AS {alias}"
            f"{_where([*found, *within])}\nOFFSET 0\n) AS {alias}{_where(of_these)}"
            f"\nORDER BY {order.text(reverse=reverse)}\nLIMIT {count}"
        )

    def time_at(place: str) -> str:
        ordered = f"{_where(behind)}\nORDER BY {time}{direction}"
        return f"(\nSELECT {time}\nFROM {table.table} AS {alias}{ordered}\n{place}LIMIT 1\n)"

    # Of a range with two ends PostgreSQL expects few rows, and so asks both indexes, of time and of words.
    nearby = pick([*behind, f"{time} {inside} {at}", other_end], [])
    parts = {
        edge: f"SELECT coalesce({time_at(f'OFFSET {NEARBY * count} ')}, '{end}') AS at",
        near: nearby,
    }
    gathered, missing = [near], f"(SELECT count(*) FROM {near}) < {count}"
    if not statement.env.is_admin:
        further, middle = statement.alias("edge"), statement.alias("near")
        parts[further] = _further_edge(edge, time_at(""), earlier=end == "-infinity")
        beyond = f"(SELECT at FROM {further})"
        parts[middle] = pick([*behind, f"{time} {outside} {at}", f"{time} {inside} {beyond}", missing], [])
        gathered, at = [near, middle], beyond
        missing = f"(SELECT count(*) FROM {near}) + (SELECT count(*) FROM {middle}) < {count}"
    rest = pick([missing], [*behind, f"{time} {outside} {at}"])
    named = ", ".join(f"{name} AS MATERIALIZED (\n{text}\n)" for name, text in parts.items())
    union = "\nUNION ALL ".join(f"SELECT * FROM {name}" for name in gathered)
    return f"(\nWITH {named}\n{union}\nUNION ALL (\n{rest}\n)\n) AS {alias}"


def _further_edge(edge: str, start: str, *, earlier: bool) -> str:
    """The time that lies `STRETCH` times as far behind `edge` as `start` lies before it.

    `SELECT CASE WHEN at BETWEEN ... THEN at - 32 * least(start - at, interval '1 year') ELSE at END AS at`

    Times that PostgreSQL cannot count with, infinite ones among them, have nothing between them.
    """
    distance, away = ("start - at", "-") if earlier else ("at - start", "+")
    possible = "at BETWEEN '1000-01-01' AND '9000-01-01' AND start BETWEEN '1000-01-01' AND '9000-01-01'"
    return (
        f"SELECT CASE WHEN {possible}\nTHEN at {away} {STRETCH} * least({distance}, interval '1 year')"
        f" ELSE at END AS at\nFROM (\nSELECT at, {start} AS start FROM {edge}\n) AS {edge}"
    )


def without_null_page(arguments: dict[str, Value]) -> dict[str, Value]:
    """The arguments without those of the page that are null: Relay and others send null for "not given"."""
    return {name: value for name, value in arguments.items() if not (name in PAGE and value.is_null)}


def _where(conditions: list[str]) -> str:
    return f"\nWHERE {' AND '.join(conditions)}" if conditions else ""


def page_size(arguments: dict[str, Value], field: Field) -> tuple[int, bool]:
    """The number of rows, and whether they are the last ones: `first`, `last`, or neither."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise ArgumentInvalid("Ask for `first` or for `last`, not for both.", (*field.path, "last"))
    given = first if last is None else last
    if given is None:
        return DEFAULT_PAGE, False
    name = given.path[-1]
    size = integer(given.plain())
    if not 0 <= size <= MAXIMUM_PAGE:
        raise ArgumentInvalid(f"`{name}` must be between 0 and {MAXIMUM_PAGE}.", given.path)
    return size, last is not None


def _cursor(statement: Statement, order: Order, arguments: dict[str, Value], name: str) -> Cursor | None:
    value = arguments.get(name)
    return None if value is None else read_cursor(statement, value, order)
