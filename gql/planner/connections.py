"""A connection: a page of rows with its edges and page info, and figures over all rows of the filter."""

import re
from collections.abc import Set
from dataclasses import dataclass

from gql.planner import rows
from gql.planner.aggregates import Source, compile_aggregate
from gql.planner.catalog import TableType
from gql.planner.cursors import compile_cursor
from gql.planner.groups import compile_groups
from gql.planner.list_conditions import Link
from gql.planner.order import Order
from gql.planner.pages import Found, Page, compile_page, without_null_page
from gql.planner.search import compile_search
from gql.planner.selection import Field
from gql.planner.statement import Statement
from gql.planner.values import Value
from gql.planner.where import compile_where
from models import policy
from models.operation_counts import COUNTS
from models.search import Texts


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions of one connection; the page and each figure apply them to an alias of their own."""

    statement: Statement
    table: TableType
    link: Link | None
    arguments: dict[str, Value]

    def allowed(self, alias: str, *, one_by_one: bool = False) -> list[str]:
        """Link and policy, to be joined by AND."""
        at_first = "search" in self.arguments
        found = [*self.link.conditions(alias)] if self.link is not None else []
        if (one_by_one or at_first) and (small := self.small_set(alias)) is not None:
            found.append(small.gathered if at_first and small.handful else small.among)
        elif self.link is None or not self.link.proven:
            found += self.statement.visible(self.table, alias, one_by_one=one_by_one, at_first=at_first)
        return found

    def wanted(self, alias: str) -> list[str]:
        """`where` and `search`, to be joined by AND."""
        where = compile_where(self.statement, self.table, alias, self.arguments.get("where"))
        search = compile_search(self.statement, self.table, alias, self.arguments.get("search"))
        return [*where, *search]

    def found(self, alias: str) -> Found:
        """The conditions for the rows: those that an index finds, and those that are asked of the rows found.

        Each partition would make a table of all keys that the viewer may see, to ask of a few rows whether
        theirs is among them. Of rows that the index of words has found, it is asked of all together: no
        other index can find them then, so that no text is looked at which the viewer may not see.
        """
        if not self._asks_at_last(alias):
            return Found(self.conditions(alias), [])
        small = self.small_set(alias)
        candidates, phrases = self.wanted(alias)
        return Found([candidates], [phrases] if small is None else [small.among, phrases])

    def _asks_at_last(self, alias: str) -> bool:
        if self.table.timeline is None or "search" not in self.arguments or self._is_filtered():
            return False
        small = self.small_set(alias)
        return small is not None and not small.handful

    def conditions(self, alias: str) -> list[str]:
        """All that is asked of rows which are met one by one, to be joined by AND."""
        return [*self.allowed(alias, one_by_one=True), *self.wanted(alias)]

    def _is_filtered(self) -> bool:
        where = self.arguments.get("where")
        return where is not None and not where.is_null and bool([*where.fields()])

    def small_set(self, alias: str) -> policy.SmallSet | None:
        """The way to find a viewer's rows where they are few; None behind a link, where they always are."""
        return None if self.link is not None else self.statement.small_set(self.table, alias)

    def is_short(self, order: Order) -> bool:
        """Rows that are searched for, or behind a key in partitions without an index in this order."""
        indexed = self.link.ordered_by if self.link is not None else None
        return "search" in self.arguments or (indexed is not None and order.terms[0].label not in indexed)

    def texts(self) -> Texts | None:
        """The index of the table's distinct texts, if all of the table is searched, by nothing else."""
        if self.table.search is None or self.link is not None or "search" not in self.arguments:
            return None
        return None if self._is_filtered() else self.table.search.texts

    def is_searched_by_time(self, order: Order) -> bool:
        """Rows that are searched for, ordered by columns of their own, the time first.

        Those behind a key and those of one person are too few for a page to be filled near its beginning.
        """
        return (
            "search" in self.arguments
            and self.link is None
            and (self.statement.env.is_admin or not policy.is_owners(self.table.table))
            and order.terms[0].label == self.table.timeline
            and all(term.column for term in order.terms)
        )

    def source(self, alias: str, read: Set[str] | None = None) -> Source:
        """`FROM tasks AS task$1 WHERE ...`; `read` are the columns that figures need, None where unknown.

        Where rows are only counted, by columns by which they are counted as they come and go, the sums are
        asked in place of the rows (`models/operation_counts.py`): the columns bear the same names there.
        """
        if self._asks_at_last(alias):
            found = self.found(alias)
            rows = (
                f"SELECT {alias}.*\nFROM {self.table.table} AS {alias}\nWHERE {' AND '.join(found.by_index)}"
            )
            return Source(f"FROM (\n{rows}\nOFFSET 0\n) AS {alias}\nWHERE {' AND '.join(found.then)}")
        small = None if "search" in self.arguments else self.small_set(alias)
        wanted = self.wanted(alias)
        if small is not None and self.table.table not in COUNTS:
            if not wanted and small.parts:
                parts = "\nUNION ALL\n".join(
                    f"SELECT {alias}.* FROM {self.table.table} AS {alias} WHERE {part}"
                    for part in small.parts
                )
                return Source(f"FROM (\n{parts}\n) AS {alias}")
            return Source(f"FROM {self.table.table} AS {alias}\nWHERE {' AND '.join([small.among, *wanted])}")
        conditions = [*(self.allowed(alias) if small is None else [small.gathered]), *wanted]
        where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
        counts = COUNTS.get(self.table.table)
        if counts is None or read is None:
            return Source(f"FROM {self.table.table} AS {alias}{where}")
        asked = {*read, *re.findall(rf"{re.escape(alias)}\.(\w+)", where)}
        if not asked <= counts.columns:
            return Source(f"FROM {self.table.table} AS {alias}{where}")
        number = f"coalesce(sum({alias}.{counts.number}), 0)::bigint"
        return Source(f"FROM {counts.table} AS {alias}{where}", number, counted=True)


def compile_connection(statement: Statement, table: TableType, link: Link | None, field: Field) -> str:
    """One row whose columns are the fields of the connection. At the root there is no `link`.

    `SELECT rows$1.item$1 AS "nodes", (SELECT count(*) FROM tasks AS task$2 WHERE ...) AS "totalCount"
    FROM (SELECT coalesce(json_agg(item$1), '[]') AS item$1 FROM (...) AS item$1) AS rows$1`
    """
    arguments = without_null_page(field.arguments(statement.env))
    chosen = Filter(statement, table, link, arguments)
    fields = field.selected(statement.env, f"{table.name}Connection")
    columns: list[str] = []
    sources: list[str] = []
    listed = _Rows(statement, table, chosen, arguments, field)
    if any(inner.name in ROW_FIELDS for inner in fields):
        sources.append(listed.compile(fields))
    for inner in fields:
        if inner.name == "__typename":
            expression = f"'{table.name}Connection'"
        elif inner.name in ("nodes", "edges"):
            expression = listed.columns[inner.key]
        elif inner.name == "pageInfo":
            expression, source = _page_info(statement, listed, inner)
            sources.append(source)
        elif inner.name == "totalCount":
            total = chosen.source(statement.alias(table.label), set())
            expression = f"(SELECT {total.count} {total.text})"
        elif inner.name == "aggregate":
            expression, source = _lateral(statement, "aggregate", compile_aggregate(chosen, inner))
            sources.append(source)
        else:
            expression = f"({compile_groups(chosen, inner)})"
        columns.append(f'{expression} AS "{inner.key}"')
    return f"SELECT {', '.join(columns)}" + (f"\nFROM {' CROSS JOIN '.join(sources)}" if sources else "")


ROW_FIELDS = ("nodes", "edges", "pageInfo")


class _Rows:
    """The page's rows, aggregated to one JSON array for each selection of `nodes` or `edges`."""

    def __init__(
        self,
        statement: Statement,
        table: TableType,
        chosen: Filter,
        arguments: dict[str, Value],
        field: Field,
    ) -> None:
        self.statement = statement
        self.table = table
        self.chosen = chosen
        self.arguments = arguments
        self.field = field
        self.columns: dict[str, str] = {}
        self.count = self.start = self.end = ""
        self.page: Page

    def compile(self, fields: list[Field]) -> str:
        """`(SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1 FROM (<rows>) AS item$1) AS rows$1`"""
        infos = {
            info.name
            for field in fields
            if field.name == "pageInfo"
            for info in field.selected(self.statement.env, "PageInfo")
        }
        ahead = "hasPreviousPage" if "last" in self.arguments else "hasNextPage"
        self.page = compile_page(self.chosen, self.field, ahead=ahead in infos)
        lists = [field for field in fields if field.name in ("nodes", "edges")]
        name = self.statement.alias("rows")
        cursors = bool(infos & {"startCursor", "endCursor"})
        if len(lists) == 1 and not infos:
            text = self._single(lists[0], name)
        else:
            text = self._several(lists, name, cursors=cursors)
        return f"(\n{text}\n) AS {name}"

    def _single(self, field: Field, name: str) -> str:
        row = self._item(field)
        item = self.statement.alias("item")
        self.columns[field.key] = f"{name}.{item}"
        return (
            f"SELECT coalesce(json_agg({item}), '[]'::json) AS {item}\nFROM (\nSELECT {row.select}\nFROM (\n"
            f"{self.page.text}\n) AS {self.page.alias}{row.joined}{self.page.outer_order}\n) AS {item}"
        )

    def _several(self, lists: list[Field], name: str, *, cursors: bool) -> str:
        page = self.page
        inner = self.statement.alias("row")
        items: list[str] = []
        joins: list[str] = []
        outputs: list[str] = []
        first, last = page.bounds
        for field in lists:
            row = self._item(field)
            item = self.statement.alias("item")
            joins += [*row.joins, f"CROSS JOIN LATERAL (SELECT {row.select}) AS {item}"]
            items.append(item)
            # To cut an array costs less than to number the rows and leave one out.
            array = f"array_to_json((array_agg({inner}.{item}))[{first}:{last}])"
            listed = array if page.ahead else f"json_agg({inner}.{item})"
            outputs.append(f"coalesce({listed}, '[]'::json) AS {item}")
            self.columns[field.key] = f"{name}.{item}"
        if cursors:
            cursor = self.statement.alias("cursor")
            items.append(f"{compile_cursor(self.statement, page.order, page.alias)} AS {cursor}")
            outputs += [
                f"(array_agg({inner}.{cursor}))[{first}] AS {cursor}_start",
                f"(array_agg({inner}.{cursor}))[{last}] AS {cursor}_end",
            ]
            self.start, self.end = f"{name}.{cursor}_start", f"{name}.{cursor}_end"
        count = self.statement.alias("count")
        outputs.append(f"count(*) AS {count}")
        self.count = f"{name}.{count}"
        joined = "".join(f"\n{join}" for join in joins)
        return (
            f"SELECT {', '.join(outputs)}\nFROM (\nSELECT {', '.join(items)}\n"
            f"FROM (\n{page.text}\n) AS {page.alias}{joined}{page.outer_order}\n) AS {inner}"
        )

    def _item(self, field: Field) -> rows.Row:
        if field.name == "nodes":
            selected = rows.fields_of_row(self.statement, self.table, field)
            return rows.compile_row(self.statement, self.table, self.page.alias, selected)
        return self._edge(field)

    def _edge(self, field: Field) -> rows.Row:
        """`<cursor> AS "cursor", node$1 AS "node"` with the node as a lateral row of its own."""
        columns: list[str] = []
        joins: list[str] = []
        for inner in field.selected(self.statement.env, f"{self.table.name}Edge"):
            if inner.name == "__typename":
                expression = f"'{self.table.name}Edge'"
            elif inner.name == "cursor":
                expression = compile_cursor(self.statement, self.page.order, self.page.alias)
            else:
                selected = rows.fields_of_row(self.statement, self.table, inner)
                row = rows.compile_row(self.statement, self.table, self.page.alias, selected)
                expression = self.statement.alias("node")
                joins += [*row.joins, f"CROSS JOIN LATERAL (SELECT {row.select}) AS {expression}"]
            columns.append(f'{expression} AS "{inner.key}"')
        return rows.Row(tuple(columns), tuple(joins))


def _page_info(statement: Statement, listed: _Rows, field: Field) -> tuple[str, str]:
    """`SELECT rows$1.count$1 > 20 AS "hasNextPage", rows$1.cursor$1_end AS "endCursor"`

    Whether rows lie on the side one comes from is answered by whether a cursor was given for that side:
    looking would cost a second search (Relay's specification leaves it open).
    """
    page = listed.page
    more = f"{listed.count} > {page.size}"
    came_from_start = str("after" in listed.arguments).lower()
    came_from_end = str("before" in listed.arguments).lower()
    expressions = {
        "__typename": "'PageInfo'",
        "hasNextPage": came_from_end if page.backward else more,
        "hasPreviousPage": more if page.backward else came_from_start,
        "startCursor": listed.start,
        "endCursor": listed.end,
    }
    columns = (
        f'{expressions[inner.name]} AS "{inner.key}"' for inner in field.selected(statement.env, "PageInfo")
    )
    return _lateral(statement, "page_info", f"SELECT {', '.join(columns)}")


def _lateral(statement: Statement, label: str, text: str) -> tuple[str, str]:
    name = statement.alias(label)
    return name, f"LATERAL (\n{text}\n) AS {name}"
