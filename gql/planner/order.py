"""The order of rows: always total, because the key decides between equals."""

import hashlib
from dataclasses import dataclass, replace

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from gql.planner.conversions import Each, text
from gql.planner.errors import ArgumentInvalid
from gql.planner.search import compile_rank
from gql.planner.statement import Statement
from gql.planner.values import Path, Value, member_name
from models.enums import Described

RANK = "rank"
"""What orders, and labels of terms, call how well a row fits the search."""


class Clause(Described):
    """Enums whose members decide the text of the statement, so that plans are cached by member."""


class Direction(Clause):
    """Which way to order, and where rows without a value go."""

    ASC = "ASC", "Smallest first, then rows without a value."
    DESC = "DESC", "Rows without a value first, then the largest."
    ASC_NULLS_FIRST = "ASC NULLS FIRST", "Rows without a value first, then the smallest."
    ASC_NULLS_LAST = "ASC NULLS LAST", "Smallest first, then rows without a value."
    DESC_NULLS_FIRST = "DESC NULLS FIRST", "Rows without a value first, then the largest."
    DESC_NULLS_LAST = "DESC NULLS LAST", "Largest first, then rows without a value."


@dataclass(frozen=True, slots=True)
class Term:
    """One value to order by. `label` names it in cursors' fingerprints.

    `column` is the row's own column that it is, empty for anything else; that is brought out of the page's
    subquery as the column `carried`.
    """

    expression: str
    label: str
    kind: ColumnType
    nullable: bool
    descending: bool
    nulls_first: bool
    column: str = ""
    carried: str = ""

    def text(self, expression: str) -> str:
        """`task$1.priority DESC`, with the placement of NULLs where it is not PostgreSQL's own."""
        words = [expression]
        if self.descending:
            words.append("DESC")
        if self.nullable and self.nulls_first is not self.descending:
            words.append("NULLS FIRST" if self.nulls_first else "NULLS LAST")
        return " ".join(words)

    def reversed(self) -> "Term":
        """The same value the other way round."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)


@dataclass(frozen=True, slots=True)
class Order:
    """The terms, the key's last; `joins` bring the related rows whose columns are ordered by.

    `fingerprint` and, where rows are ranked, the `words` searched for tell orders apart.
    """

    terms: tuple[Term, ...]
    joins: tuple[str, ...]
    fingerprint: str
    words: Value | None

    @property
    def is_best_first(self) -> bool:
        """True if the rank decides first, and columns of the rows between those that rank alike."""
        first, *others = self.terms
        return first.label == RANK and first.descending and all(term.column for term in others)

    @property
    def joined(self) -> str:
        """The joins as they follow the page's table."""
        return "".join(f"\n{join}" for join in self.joins)

    def select(self, alias: str) -> str:
        """`task$1.*, project$1.name AS order$1`"""
        carried = [f"{term.expression} AS {term.carried}" for term in self.terms if term.carried]
        return ", ".join([f"{alias}.*", *carried])

    def text(self, *, reverse: bool) -> str:
        """The ORDER BY inside the page."""
        return ", ".join(term.text(term.expression) for term in self._terms(reverse=reverse))

    def outer(self, alias: str) -> str:
        """The ORDER BY around the page: joins keep the order in practice, but do not promise it."""
        return ", ".join(term.text(self.outside(term, alias)) for term in self.terms)

    def _terms(self, *, reverse: bool) -> list[Term]:
        return [term.reversed() if reverse else term for term in self.terms]

    @staticmethod
    def outside(term: Term, alias: str) -> str:
        """A term's value outside the page."""
        return f"{alias}.{term.carried}" if term.carried else term.expression


def compile_order(statement: Statement, table: TableType, alias: str, arguments: dict[str, Value]) -> Order:
    """The order that `orderBy` asks for; without it by rank when searching, else by key.

    `task$1.priority DESC, project$1.name NULLS FIRST, task$1.id`
    """
    given = arguments.get("orderBy")
    if given is not None and given.is_null:
        raise ArgumentInvalid("`orderBy` is null: give an order, or leave it out.", given.path)
    compiler = _Compiler(statement, arguments)
    for entry in given.elements() if given is not None else []:
        compiler.entry(table, alias, entry, ())
    search = arguments.get("search")
    if not compiler.terms and search is not None and not search.is_null:
        compiler.rank(table, alias, Direction.DESC, search.path)
    terms = compiler.terms
    descending = bool(terms) and terms[-1].descending
    for column in table.order:
        if not any(term.label == column.field for term in terms):
            expression = f"{alias}.{column.name}"
            nulls_first = descending
            terms.append(
                Term(
                    expression,
                    column.field,
                    column.kind,
                    column.nullable,
                    descending,
                    nulls_first,
                    column.name,
                )
            )
    words = search if any(term.label == RANK for term in terms) else None
    return Order(tuple(terms), tuple(compiler.joins), _fingerprint(table, terms), words)


class _Compiler:
    def __init__(self, statement: Statement, arguments: dict[str, Value]) -> None:
        self.statement = statement
        self.arguments = arguments
        self.terms: list[Term] = []
        self.joins: list[str] = []

    def entry(self, table: TableType, alias: str, entry: Value, trail: Path) -> None:
        """One entry of `orderBy`, on a column of the table or of one that it leads to."""
        fields = [] if entry.is_null else list(entry.fields())
        if len(fields) != 1:
            raise ArgumentInvalid("Each entry of `orderBy` names exactly one field.", entry.path)
        ((name, value),) = fields
        if value.is_null:
            raise ArgumentInvalid(f"The order of `{name}` is null: give a direction.", value.path)
        relation = table.relations.get(name)
        if relation is not None:
            self.statement.enter(len(trail) + 1, value.path)
            target = self.statement.env.catalog.types[relation.target]
            joined = self.statement.alias(target.label)
            conditions = [f"{joined}.{relation.remote} = {alias}.{relation.local}"]
            if not relation.proven:
                conditions += self.statement.visible(target, joined)
            self.joins.append(f"LEFT JOIN {target.table} AS {joined} ON {' AND '.join(conditions)}")
            self.entry(target, joined, value, (*trail, name))
        elif name == RANK and RANK not in table.columns:
            if trail:
                raise ArgumentInvalid("Only the rows of the list itself are ranked.", value.path)
            self.rank(table, alias, _direction(value), value.path)
        elif table.columns[name].kind is ColumnType.JSON:
            self._json(table, alias, table.columns[name], value, trail)
        else:
            self._column(table, alias, table.columns[name], value, trail)

    def rank(self, table: TableType, alias: str, direction: Direction, path: Path) -> None:
        """Order by how well a row fits the search. Raises: ArgumentInvalid where there is no search."""
        search = self.arguments.get("search")
        if search is None or search.is_null:
            raise ArgumentInvalid("Ordering by `rank` needs a `search`.", path)
        if self._is_new(RANK):
            expression = compile_rank(self.statement, table, alias, search)
            self._add(expression, RANK, ColumnType.FLOAT, direction, nullable=False)

    def _column(self, table: TableType, alias: str, column: Column, value: Value, trail: Path) -> None:
        label = ".".join((*trail, column.field))
        if self._is_new(label):
            expression = self.statement.column(table, column, alias)
            nullable = column.nullable or bool(trail)
            own = "" if trail or column.private else column.name
            self._add(expression, label, column.kind, _direction(value), nullable=nullable, column=own)

    def _json(self, table: TableType, alias: str, column: Column, value: Value, trail: Path) -> None:
        parts = dict(value.fields())
        at, given = parts["at"], parts.get("direction")
        if given is not None and given.is_null:
            raise ArgumentInvalid("The direction is null: give one, or leave it out.", given.path)
        try:
            steps = Each(text)(at.plain())
        except ValueError as error:
            raise ArgumentInvalid(f"The value of `at` {error}.", at.path) from None
        label = ".".join((*trail, column.field, *map(repr, steps)))
        if self._is_new(label):
            parameter = self.statement.parameter(at, Each(text), "::text[]")
            # A JSON null is no value, neither in the order nor in a cursor.
            found = f"NULLIF({self.statement.column(table, column, alias)} #> {parameter}, 'null'::jsonb)"
            direction = Direction.ASC if given is None else _direction(given)
            self._add(found, label, ColumnType.JSON, direction, nullable=True)

    def _is_new(self, label: str) -> bool:
        return not any(term.label == label for term in self.terms)

    def _add(
        self,
        expression: str,
        label: str,
        kind: ColumnType,
        direction: Direction,
        *,
        nullable: bool,
        column: str = "",
    ) -> None:
        descending = direction.name.startswith("DESC")
        nulls_first = "FIRST" in direction.name or (descending and "LAST" not in direction.name)
        carried = "" if column else self.statement.alias("order")
        self.terms.append(Term(expression, label, kind, nullable, descending, nulls_first, column, carried))


def _direction(value: Value) -> Direction:
    return Direction[member_name(value.plain())]


def _fingerprint(table: TableType, terms: list[Term]) -> str:
    words = [table.name, *(f"{term.label} {term.descending} {term.nulls_first}" for term in terms)]
    return hashlib.blake2b("\n".join(words).encode(), digest_size=6).hexdigest()
