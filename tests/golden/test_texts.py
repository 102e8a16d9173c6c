"""The SQL that no document shows: what writes, the policies, what events and their loaders ask.

One file for each kind in `texts/`, which `make fix` writes; their difference shows in review what a change of
a rule does to every table.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse
from sqlalchemy import Delete, Dialect, Insert, Update
from sqlalchemy.dialects.postgresql import asyncpg

import app
import services
from gql.planner.compiler import compile_events, compile_rows
from gql.planner.lock_keys import compile_keys
from gql.planner.selection import Field, collect
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables, from_variable
from gql.types.types import CATALOG
from models import AuthToken, change_policy, policy
from models.feed import WATCHES
from services.accounts import accounts, rate_limits, token_store
from services.feed import audience
from services.fleet import storing
from services.ingest import budgets
from services.instances import activities
from services.notifications import websocket_delivery, websocket_sessions
from services.projects import archiving, restoring
from services.system import maintenance_steps, partitions, retention
from services.writing import appending, creating, rows
from services.writing.declaration import WritableTable
from services.writing.permissions import VIEWER
from services.writing.references import conditions_of
from services.writing.sealed_columns import sealed_columns
from services.writing.tables import TABLES

FOLDER = Path(__file__).parent / "texts"
Section = tuple[str, str]
"""What is shown, and its SQL."""

ROOT = Path(__file__).parents[2]
WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+( \w+){0,2}\s+SET|DELETE FROM)\b")
ANY_WRITE = re.compile(r"\b(INSERT INTO|UPDATE \S+( \w+){0,2}\s+SET|DELETE FROM|TRUNCATE|MERGE INTO)\b")
DIALECT: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy has no annotation there
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
    """Every statement that writes and has a name, by its module; and those that are made, of an example."""
    modules = [
        *pkgutil.walk_packages(services.__path__, "services."),
        *pkgutil.iter_modules(app.__path__, "app."),
    ]
    for found in modules:
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.isupper():
                for text in named(value):
                    if WRITES.search(text):
                        yield f"{found.name}, {name}", text
    for name, made in MADE.items():
        for example, statement in made():
            (text,) = named(statement)
            yield f"{name}, {example}" if example else name, text


def named(value: object) -> tuple[str, ...]:
    """The texts of a constant, or of a statement that was made."""
    match value:
        case str():
            return (value,)
        case Insert() | Update() | Delete():
            return (str(value.compile(dialect=DIALECT)),)
        case tuple():
            return tuple(each for each in value if isinstance(each, str))
    return ()


def made_of_project() -> Iterator[tuple[str, str]]:
    """What becomes of the rows of each table that a project takes along."""
    for table in archiving.ARCHIVES:
        kept, change = archiving.departure(table)
        yield f"{table.name}, into the archive", kept
        yield f"{table.name}, out of the table", change


def made_of_counters() -> Iterator[tuple[str, str]]:
    """What is counted for each person and hour."""
    for counter in (rate_limits.API_CALLS, budgets.RECORDS, budgets.BYTES):
        yield f"{counter.task}, take", counter.take
        yield f"{counter.task}, give back", str(counter.give_back)


def made_of_sealed() -> Iterator[tuple[str, str]]:
    """What replaces sealed texts."""
    for column in sealed_columns():
        yield f"{column.table} {column.read}", column.sealing


def stamps_of(table: WritableTable) -> Mapping[str, str]:
    """The times that the first step of its lifecycle with any sets."""
    every = () if table.lifecycle is None else table.lifecycle.stamps.values()
    return next((stamps for stamps in every if stamps), {})


RETRIES = websocket_delivery.Retries(timedelta(seconds=30), 3)
LONG = {"params": "length(params::text) > 100"}
PART = retention.Part("cc_logs", "cc_logs_2026_01", "2026-02-01 00:00:00+00", None)

MADE: dict[str, Callable[[], Iterable[tuple[str, object]]]] = {
    "services.accounts.accounts.adding": lambda: [("", accounts.adding({"username": "ann", "email": None}))],
    "services.accounts.accounts.changing": lambda: [("", accounts.changing(1, {"is_active": False}))],
    "services.accounts.rate_limits.Counter": made_of_counters,
    "services.accounts.token_store.revoking": lambda: [("", token_store.revoking(AuthToken.user_id == 1))],
    "services.fleet.storing.insertion": lambda: [
        ("cc_logs", storing.insertion("cc_logs", ["message"], "id"))
    ],
    "services.fleet.storing.replacement": lambda: [
        ("tasks", storing.replacement("tasks", ["name", "status"], "id", {"name": "excluded.name"}, "true"))
    ],
    "services.fleet.storing.patching": lambda: [
        ("cc_logs", storing.patching("cc_logs", ["message", "details"], "cc_instance_id"))
    ],
    "services.instances.activities.noting": lambda: [
        ("", activities.noting([])),
        ("with a model", activities.noting(["model"])),
    ],
    "services.notifications.websocket_delivery.giving_up": lambda: [
        ("", websocket_delivery.giving_up(RETRIES))
    ],
    "services.notifications.websocket_delivery.sending_again": lambda: [
        ("", websocket_delivery.sending_again(RETRIES))
    ],
    "services.notifications.websocket_sessions.closing_lost": lambda: [
        ("", websocket_sessions.closing_lost(timedelta(seconds=90), 200))
    ],
    "services.projects.archiving.departure": made_of_project,
    "services.projects.restoring.arrival": lambda: [
        (table.name, restoring.arrival(table, keeping, " LIMIT 500"))
        for table, keeping in archiving.ARCHIVES.items()
    ],
    "services.system.maintenance_steps.cleaning_up": lambda: [("", maintenance_steps.cleaning_up(200))],
    "services.system.maintenance_steps.compacting": lambda: [
        ("", maintenance_steps.compacting(LONG, "created_at < $1", 20))
    ],
    "services.system.partitions.copying": lambda: [
        ("cc_logs", partitions.copying("ccgraph_moving.cc_logs", "cc_logs_default", 0, 16))
    ],
    "services.system.retention.deletion": lambda: [
        ("a table that is followed", PART.removal(0, 16, free=False)),
        ("a table that is followed, what is free", PART.removal(0, 16, free=True)),
        ("another table", retention.deletion("system_logs", "created_at < '2026-02-01'")),
    ],
    "services.system.retention.sweeping": lambda: [
        (table, retention.sweeping(table, condition, 200)) for table, condition in retention.SWEEPS.items()
    ],
    "services.writing.rows.changing": lambda: [
        (table.name, rows.changing(table, sorted(table.columns)[:2], stamps_of(table)))
        for table in TABLES.values()
        if not table.append_only
    ],
    "services.writing.rows.deletion": lambda: [("tasks", rows.deletion(TABLES["tasks"]))],
    "services.writing.rows.insertion": lambda: [
        ("tasks", rows.insertion(TABLES["tasks"], ["id", "name"], "id")),
        ("sessions", rows.insertion(TABLES["sessions"], ["project_id"], None)),
    ],
    "services.writing.sealed_columns.SealedColumn": made_of_sealed,
}
"""The functions and classes that make statements which write, with examples of them."""

ELSEWHERE = {
    "services.writing.appending": "appends.sql",
    "services.writing.creating": "creates.sql",
    "services.writing.single_statement": "creates.sql",
    "services.projects.archiving.copied": "with services.projects.archiving.departure",
    "services.projects.archiving._kept": "with services.projects.archiving.departure",
    "services.projects.restoring._inserted": "with services.projects.restoring.arrival",
    "services.projects.restoring._linked": "with services.projects.restoring.arrival",
    "services.system.partitions.Move": "a trigger, which writes nothing by itself",
}
"""Where the others are shown."""


def makers() -> Iterator[str]:
    """The function or class of a module in which each statement is made that writes."""
    for path in sorted((ROOT / "services").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text())
        documented = {
            node.body[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        core = {
            name.asname or name.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
            for name in node.names
            if name.name in ("insert", "update", "delete")
        }
        for top in tree.body:
            if not isinstance(top, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(top):
                if node in documented or not hasattr(node, "lineno"):
                    continue
                if (said(node) and ANY_WRITE.search(said(node))) or (
                    isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in core
                ):
                    yield f"{module}.{top.name}"


def said(node: ast.AST) -> str:
    """The text of a string, with an x for each value in it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) or "x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


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
    (field,) = collect([node.selection_set], CompileEnv(CATALOG, ObservedVariables({})), (), "Payload")
    return field


def events() -> Iterator[Section]:
    """What loads the rows of events, each for its viewer; of rows that were found visible, and of others."""
    env = CompileEnv(CATALOG, ObservedVariables({}))
    for type_name in ("Task", "Session", "CcLog", "User"):
        for own in (True, False):
            shown = "found visible" if own else "to be judged"
            plan = compile_events(env, type_name, selected(type_name), own=own)
            yield f"{type_name}, {shown}", str(plan)


def loaders() -> Iterator[Section]:
    """What loads rows by their keys, for payloads, and what finds keys by a filter and holds the rows."""
    for is_admin in (False, True):
        viewer = "administrator" if is_admin else "viewer"
        for type_name in ("Task", "Session", "McpMessage"):
            env = CompileEnv(CATALOG, ObservedVariables({}), is_admin=is_admin)
            yield f"{type_name}, {viewer}", str(compile_rows(env, type_name, selected(type_name)))
        variables = ObservedVariables({"where": {"name": {"eq": "a"}}})
        env = CompileEnv(CATALOG, variables, is_admin=is_admin)
        plan = compile_keys(env, "Task", from_variable(variables, "where", ("where",)), 11)
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
    env = CompileEnv(CATALOG, ObservedVariables({}))
    plan = compile_events(env, type_name, selected(type_name), own=own)
    assert ("wanted.viewer" in plan.sql) is plan.by_viewer


def test_every_statement_that_writes_is_in_a_file() -> None:
    shown = {*MADE, *ELSEWHERE}
    unknown = {name for name in makers() if name not in shown and name.rpartition(".")[0] not in shown}
    assert unknown == set(), (
        "make it a constant of its module (`_NAME: Final = ...`), which the file then shows, "
        "or a function of its own, with an example in MADE"
    )
    assert {*MADE} <= {*makers()}


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
