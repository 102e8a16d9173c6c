"""The SQL that no document shows: what writes, the policies, what events and their loaders ask.

One file for each kind in `texts/`, which `make fix` writes; their difference shows in review what a change of
a rule does to every table.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse

import services
from gql.planner.compiler import compile_events, compile_rows
from gql.planner.lock_keys import compile_keys
from gql.planner.selection import Field, collect
from gql.planner.statement import Question
from gql.planner.values import ObservedVariables, from_variable
from gql.types.types import CATALOG
from models import change_policy, policy
from models.feed import WATCHES
from services.feed import audience
from services.writing import appending, creating
from services.writing.permissions import VIEWER
from services.writing.references import conditions_of
from services.writing.tables import TABLES

FOLDER = Path(__file__).parent / "texts"
Section = tuple[str, str]
"""What is shown, and its SQL."""

WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+( \w+)?\s+SET|DELETE FROM)\b")
BREAKS = re.compile(
    r"(?<! DISTINCT) (?=(?:FROM|WHERE|AND|OR|JOIN|UNION ALL|ORDER BY|GROUP BY|RETURNING|LIMIT)\b)"
)


def creates() -> Iterator[Section]:
    """The statement that creates rows of each table with what has to be given, and as an administrator."""
    for table in TABLES.values():
        if table.append_only or table.before_create is not None:
            continue
        chosen = tuple(
            sorted(
                name
                for name, column in table.columns.items()
                if column.required
                or name in (table.owner, table.client_key.name if table.client_key is not None else "")
            )
        )
        yield f"{table.name}, by a person", creating._statement(table, chosen, is_admin=False)
    table = TABLES["tasks"]
    yield "tasks, by an administrator", creating._statement(table, ("id", "name"), is_admin=True)


def appends() -> Iterator[Section]:
    """The statement that appends rows with all that can be given."""
    for table in TABLES.values():
        if table.append_only:
            yield table.name, appending._insertion(table, [*table.columns], chosen=True)


def writes() -> Iterator[Section]:
    """Every statement of the services that writes and has a name, by its module."""
    for found in pkgutil.walk_packages(services.__path__, "services."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, str) and name.isupper() and WRITES.search(value):
                yield f"{found.name}, {name}", value


def reading() -> Iterator[Section]:
    """Which rows of each table people see, in each way in which it is asked."""
    for table in policy.RULES:
        plain = policy.visible(table, "r", "$1")
        yield table, plain
        for name, options in (("one by one", {"one_by_one": True}), ("at first", {"at_first": True})):
            other = policy.visible(table, "r", "$1", **options)
            if other != plain:
                yield f"{table}, {name}", other
        sets = {way.column: f"seen_by_{way.column}" for way in policy.ways(table)}
        for way in policy.ways(table):
            yield f"{table}, {sets[way.column]}", policy.visible_keys(way, "$1")
        if sets:
            found = policy.small_set(table, "r", sets)
            yield f"{table}, whether there are few", found.few
            yield f"{table}, the few", found.gathered
            yield f"{table}, those met one by one", found.among
            for part in found.parts:
                yield f"{table}, a part", part
    for table in policy.PERSON:
        yield f"{table}, private columns", policy.private_to(table, "r", "$1")


def changing() -> Iterator[Section]:
    """Which rows of each table people change, and which as their owners do."""
    for table in policy.RULES:
        plain = change_policy.changeable(table, "r", "$1")
        yield table, plain
        fully = change_policy.fully_changeable(table, "r", "$1")
        if fully != plain:
            yield f"{table}, as its owner", fully


def references() -> Iterator[Section]:
    """What has to hold of a row that is written."""
    for table in TABLES.values():
        yield table.name, "\nAND ".join(conditions_of(table, VIEWER))


def selected(type_name: str) -> Field:
    """A field that selects scalars, a row and a list."""
    kind = CATALOG.types[type_name]
    names = [*kind.columns][:2]
    to_one = next((name for name, relation in kind.relations.items() if not relation.is_list), None)
    to_many = next((name for name, relation in kind.relations.items() if relation.is_list), None)
    text = " ".join(names)
    text += f" {to_one} {{ __typename }}" if to_one else ""
    text += f" {to_many} {{ totalCount }}" if to_many else ""
    node = parse(f"{{ row {{ {text} }} }}").definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    (field,) = collect([node.selection_set], Question(CATALOG, ObservedVariables({})), (), "Payload")
    return field


def events() -> Iterator[Section]:
    """What loads the rows of events, each for its viewer; of rows that were found visible, and of others."""
    question = Question(CATALOG, ObservedVariables({}))
    for type_name in ("Task", "Session", "CcLog", "User"):
        for own in (True, False):
            shown = "found visible" if own else "to be judged"
            plan = compile_events(question, type_name, selected(type_name), own=own)
            yield f"{type_name}, {shown}", str(plan)


def loaders() -> Iterator[Section]:
    """What loads rows by their keys, for payloads, and what finds keys by a filter and holds the rows."""
    for is_admin in (False, True):
        viewer = "administrator" if is_admin else "viewer"
        for type_name in ("Task", "Session", "McpMessage"):
            question = Question(CATALOG, ObservedVariables({}), is_admin=is_admin)
            yield f"{type_name}, {viewer}", str(compile_rows(question, type_name, selected(type_name)))
        variables = ObservedVariables({"where": {"name": {"eq": "a"}}})
        question = Question(CATALOG, variables, is_admin=is_admin)
        plan = compile_keys(question, "Task", from_variable(variables, "where", ("where",)), 11)
        yield f"keys of Task, {viewer}", str(plan)


def audiences() -> Iterator[Section]:
    """Who hears of the events of each table."""
    for watch in WATCHES:
        yield watch.table, audience._branch(watch.table)
    yield "tasks and sessions at once", audience._statement(frozenset({"tasks", "sessions"}))


KINDS: dict[str, Callable[[], Iterator[Section]]] = {
    "appends": appends,
    "audience": audiences,
    "changing": changing,
    "creates": creates,
    "events": events,
    "loaders": loaders,
    "reading": reading,
    "references": references,
    "writes": writes,
}


def text_of(kind: str) -> str:
    """The file of a kind."""
    sections = (f"-- {title}\n{BREAKS.sub(chr(10), sql).strip()}\n" for title, sql in KINDS[kind]())
    return "\n".join(sections)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sql_of_a_kind_is_the_one_in_its_file(kind: str) -> None:
    expected = (FOLDER / f"{kind}.sql").read_text()
    assert text_of(kind) == expected, f"{kind}.sql differs; `make fix` writes what is made now"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("type_name", [name for name, table in CATALOG.types.items() if table.keys])
def test_a_plan_says_whether_it_asks_who_reads(type_name: str, own: bool) -> None:
    question = Question(CATALOG, ObservedVariables({}))
    plan = compile_events(question, type_name, selected(type_name), own=own)
    assert ("wanted.viewer" in plan.sql) is plan.by_viewer


def test_every_table_that_is_written_or_read_is_in_the_files() -> None:
    titles = {title.partition(",")[0] for kind in ("reading", "changing") for title, _ in KINDS[kind]()}
    assert titles == {*policy.RULES}
    created = {title.partition(",")[0] for title, _ in creates()}
    assert created == {
        name for name, table in TABLES.items() if not table.append_only and table.before_create is None
    }


def main() -> None:
    """Write the file of every kind."""
    for kind in KINDS:
        (FOLDER / f"{kind}.sql").write_text(text_of(kind))


if __name__ == "__main__":
    main()
