"""Tables that a statement reads, and the columns of each, found in its text.

The text is the one thing that PostgreSQL gets, so nothing that was compiled into it can be missing here:
neither a policy's tables nor those of a condition, an order or a recursion. Where a word could be a column of
several tables it counts for all of them: what is found is never too little.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from models import metadata
from models.operation_counts import COUNTS
from models.search import SEARCHES
from models.views import VIEWS

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_WORD = re.compile(r"([A-Za-z_][\w$]*)(?:\.([A-Za-z_]\w*))?")
_SEARCHES = {"ccgraph_candidates", "ccgraph_tsquery"}
"""The functions by one of which every search begins (models/search.py)."""
_CLOCK = {"now", "clock_timestamp", "current_date", "current_timestamp"}


@dataclass(frozen=True, slots=True)
class Reads:
    """`columns` are those read of each table, by their names in the database; a view stands for its tables.

    `clock` says that the answer depends on more than rows: on the time, or on what PostgreSQL measures.
    """

    columns: Mapping[str, frozenset[str]]
    clock: bool = False


@lru_cache(maxsize=1_000)
def reads(sql: str) -> Reads:
    """The tables and columns that the statement `sql` reads, which is one of the planner's.

    >>> reads("SELECT task$1.name FROM tasks AS task$1").columns
    {'tasks': frozenset({'name'})}
    """
    text = _QUOTED.sub(" ", sql)
    tables = {word for word in _words(text) if word in metadata.tables}
    columns: dict[str, set[str]] = {table: set() for table in tables - VIEWS.keys()}
    aliases = _aliases(text, tables)
    for word, column in _WORD.findall(text):
        for table in aliases.get(word, ()) if column else tables:
            if table in columns:
                columns[table] |= {column or word} & {*metadata.tables[table].columns.keys()}
    for counted, counts in COUNTS.items():
        if counts.table in columns:
            columns.setdefault(counted, set()).update(counts.columns)
            del columns[counts.table]
    for searched, search in SEARCHES.items():
        if search.texts is not None and columns.pop(search.texts.table, None) is not None:
            columns.setdefault(searched, set()).add(search.texts.column)
    clock = not _CLOCK.isdisjoint(_words(text))
    for view in tables & VIEWS.keys():
        behind = reads(VIEWS[view].partition(" AS\n")[2])
        clock |= behind.clock or bool(metadata.tables[view].info.get("measured"))
        for table, found in behind.columns.items():
            columns.setdefault(table, set()).update(found)
    return Reads({table: frozenset(columns[table]) for table in sorted(columns)}, clock)


@lru_cache(maxsize=1_000)
def is_heavy(sql: str) -> bool:
    """True if the statement reads a view of statistics or searches for words, and so takes the longest.

    >>> is_heavy("SELECT task$1.name FROM tasks AS task$1")
    False
    """
    words = {*_words(_QUOTED.sub(" ", sql))}
    return not words.isdisjoint(_SEARCHES) or not words.isdisjoint(VIEWS)


def _words(text: str) -> Iterator[str]:
    for word, column in _WORD.findall(text):
        yield word
        yield column


def _aliases(text: str, tables: set[str]) -> Mapping[str, set[str]]:
    """The tables behind each name that columns are asked of: `tasks AS task$1`, `tasks t`, `tasks`."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in tables:
        for alias in (table, *re.findall(rf"\b{table}\s+(?:AS\s+)?([A-Za-z_][\w$]*)", text)):
            found[alias].add(table)
    return found
