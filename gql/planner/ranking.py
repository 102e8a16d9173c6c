"""Pages of the best first, where many rows share a text: each distinct text is ranked once (decision 137).

An index of words keeps no rank, so all matches have to be ranked to know the best. But ten million operations
on files name few paths; and of rows that rank alike the newest come first.
"""

from dataclasses import dataclass, replace

from gql.planner.order import Order
from gql.planner.statement import Statement
from models.policy import SmallSet
from models.search import Texts, key_of_text

LOOKED_UP = 200
"""Texts of which the newest rows are looked up one by one, the best of all."""
COMBINATIONS = 10_000
"""The same for people, whose rows are looked up by each key that they may see and each text."""
WALKS = (200, 6_400)
"""Rows that are looked at for each row of a page, from the newest on; and again where those were too few."""
LONGEST_WALK = 200_000


def by_text(statement: Statement, order: Order) -> Order:
    """The order of rows whose rank is that of their text: `ranked$1.rank DESC, file_operation$1.id DESC`."""
    expression = f"{statement.alias('ranked')}.rank"
    return replace(order, terms=(replace(order.terms[0], expression=expression), *order.terms[1:]))


@dataclass(frozen=True, slots=True)
class Ranking:
    """The rows of `table`, known as `alias`, in an order `by_text`, of which `count` are wanted.

    `ranks` is the query for the texts that match (`compile_ranks`), and `small` says which rows the viewer
    may see, None where all. `behind` are conditions on the rows, and `within` on the rank alone, which a
    cursor sets. `matches` selects all rows that match, as `alias`, and `rank` is the rank of one of them.
    """

    statement: Statement
    texts: Texts
    ranks: str
    small: SmallSet | None
    table: str
    alias: str
    order: Order
    behind: list[str]
    within: list[str]
    matches: str
    rank: str
    count: int

    def compile(self) -> str:
        """The page, found without looking at all rows that match.

        The best texts are asked one by one for their newest rows, in levels of texts that rank alike, as
        long as they are few. Where that has not filled the page, the next level is a `crowd` of texts. Who
        sees all rows looks for those of the crowd among the newest rows. What is missing then is found among
        all matches:

        `WITH ranked$1 AS MATERIALIZED (SELECT DISTINCT ... AS key, path AS text, ts_rank(...) AS rank ...),
        crowd$1 AS MATERIALIZED (SELECT max(rank) AS rank FROM ... WHERE texts > 200),
        best$1 AS MATERIALIZED (SELECT ... FROM (SELECT * FROM ranked$1 WHERE rank > ...) AS ranked$1
        CROSS JOIN LATERAL (SELECT ... WHERE file_path = ranked$1.text ... LIMIT 21) AS ... LIMIT 21),
        near$1 AS MATERIALIZED (...)
        SELECT * FROM best$1 UNION ALL SELECT * FROM near$1 WHERE ... UNION ALL (...)`
        """
        crowd, best = self.statement.alias("crowd"), self.statement.alias("best")
        rank_of_crowd = f"(SELECT rank FROM {crowd})"
        parts = {
            self._ranked: self.ranks,
            crowd: self._crowd(crowd),
            best: self._looked_up(f"rank > coalesce({rank_of_crowd}, '-infinity')"),
        }
        found = f"(SELECT count(*) FROM {best})"
        union = [f"SELECT * FROM {best}"]
        missing = [f"{rank_of_crowd} IS NOT NULL", f"{found} < {self.count}"]
        for walk in WALKS if self.small is None else ():
            near = self.statement.alias("near")
            parts[near] = self._walked(min(walk * self.count, LONGEST_WALK), crowd, missing)
            filled = f"{found} + (SELECT count(*) FROM {near}) >= {self.count}"
            union.append(f"SELECT * FROM {near} WHERE {filled}")
            missing = [*missing, f"NOT {filled}"]
        union.append(f"(\n{self._rest([*missing, f'{self._ranked}.rank <= {rank_of_crowd}'])}\n)")
        named = ", ".join(f"{name} AS MATERIALIZED (\n{text}\n)" for name, text in parts.items())
        together = "\nUNION ALL ".join(union)
        return (
            f"WITH {named}\nSELECT {self.alias}.*\nFROM (\n{together}\n) AS {self.alias}"
            f"\nORDER BY {self.order.outer(self.alias)}\nLIMIT {self.count}"
        )

    @property
    def _ranked(self) -> str:
        return self.order.terms[0].expression.removesuffix(".rank")

    @property
    def _allowed(self) -> list[str]:
        return [] if self.small is None else [self.small.gathered]

    @property
    def _page(self) -> str:
        return f"\nORDER BY {self.order.text(reverse=False)}\nLIMIT {self.count}"

    def _newest(self, conditions: list[str], count: int) -> str:
        terms = ", ".join(term.text(term.expression) for term in self.order.terms[1:])
        return (
            f"SELECT {self.alias}.*\nFROM {self.table} AS {self.alias}{_where(conditions)}"
            f"\nORDER BY {terms}\nLIMIT {count}"
        )

    def _crowd(self, name: str) -> str:
        """The rank with which there are too many texts to look them up."""
        many = f"texts > {LOOKED_UP}"
        if self.small is not None:
            keys = " + ".join(f"(SELECT count(*) FROM {keys})" for keys in self.small.sets)
            many = f"texts * ({keys}) > {COMBINATIONS}"
        return (
            "SELECT max(rank) AS rank\nFROM (\n"
            f"SELECT rank, sum(count(*)) OVER (ORDER BY rank DESC) AS texts\nFROM {self._ranked}"
            f"{_where(self.within)}\nGROUP BY rank\n) AS {name}\nWHERE {many}"
        )

    def _looked_up(self, among: str) -> str:
        """The newest rows of each text, one text after the other."""
        column = f"{self.alias}.{self.texts.column}"
        # One follows from the other, which PostgreSQL does not know: by the product of both it expects few
        # rows of a text, and reads all in place of the newest. So what the second compares is hidden from it.
        same = [
            f"{key_of_text(column)} = {self._ranked}.key",
            f"COALESCE({column} = {self._ranked}.text, false)",
        ]
        rows = self._newest([*same, *self._allowed, *self.behind], self.count)
        return (
            f"SELECT {self.order.select(self.alias)}\nFROM (\nSELECT *\nFROM {self._ranked}"
            f"{_where([among, *self.within])}\nORDER BY rank DESC\n) AS {self._ranked}"
            f"\nCROSS JOIN LATERAL (\n{rows}\n) AS {self.alias}{self._page}"
        )

    def _walked(self, rows: int, crowd: str, missing: list[str]) -> str:
        """SQL for the crowd's rows among the newest of the table."""
        of_crowd = (
            f"{self.alias}.{self.texts.column} IN (SELECT text FROM {self._ranked}"
            f" WHERE rank = (SELECT rank FROM {crowd}))"
        )
        return (
            f"SELECT {self.order.select(self.alias)}\nFROM {crowd} AS {self._ranked}"
            f"\nCROSS JOIN LATERAL (\n{self._newest([*missing, *self.behind], rows)}\n) AS {self.alias}"
            f"{_where([of_crowd])}{self._page}"
        )

    def _rest(self, conditions: list[str]) -> str:
        """All rows that match, each ranked by itself."""
        return (
            f"SELECT {self.order.select(self.alias)}\nFROM {self.matches}"
            f"\nCROSS JOIN LATERAL (SELECT {self.rank} AS rank) AS {self._ranked}"
            f"{_where([*conditions, *self.behind])}{self._page}"
        )


def _where(conditions: list[str]) -> str:
    return f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
