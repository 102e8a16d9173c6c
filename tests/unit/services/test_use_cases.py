"""A use case takes an action and commits once through it; its helpers never do; resolvers only call it."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

ACTIONS = {"Action", "AnonymousAction"}
UNCOMMITTED = {"Transaction", "WriteConnection"}
COMMITS = {"transaction", "attempt", "attempt_together", "note"}
"""What an action commits with."""

POOLS = {"autocommit", "writer", "upkeep", "begin", "commit"}
"""Ways past the action."""

ROUNDS: Mapping[str, str] = {
    "services/accounts/login_attempts.py": "attempts stay counted, whatever becomes of the login",
    "services/accounts/rate_limits.py": "writes the counts of all callers together",
    "services/delivery/occurrences.py": "a round of the server",
    "services/delivery/queue.py": "a round of the server",
    "services/delivery/worker.py": "a round of the server",
    "services/demo/live/removal.py": "a round of the live demo, which goes in parts",
    "services/demo/loading.py": "a command, which fills an empty database",
    "services/ingest/digestion.py": "a round of the server",
    "services/ingest/storing.py": "stores what all callers hand in together; what it is given is the record",
    "services/instances/heartbeats.py": "a round of the server",
    "services/instances/permission_waits.py": "a round of the server, which takes holds back",
    "services/mcp/importing.py": "a command, which goes in parts",
    "services/notifications/websocket_delivery.py": "a round of the server",
    "services/system/contents.py": "reads; a savepoint, where an older database lacks a column",
    "services/system/maintenance.py": "a round of the server",
    "services/system/maintenance_work.py": "a round of the server",
    "services/tasks/leases.py": "a round of the server",
    "services/writing/sealed_columns.py": "a command, which goes in parts",
}
"""Modules of the services that commit by themselves, and why."""

THE_WAY = {"services/core/database.py", "services/writing/action.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


@cache
def functions(module: str) -> tuple[Function, ...]:
    """All of a module, those inside classes and functions, too."""
    tree = ast.parse((ROOT / module).read_text())
    return tuple(node for node in ast.walk(tree) if isinstance(node, Function))


def kinds(function: Function) -> set[str]:
    """The types of the parameters that have a plain name for one."""
    given = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return {each.annotation.id for each in given if isinstance(each.annotation, ast.Name)}


def called(node: ast.AST) -> list[str]:
    """The attributes and names that are called in a function, also in those inside it."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    attributes = [call.attr for call in calls if isinstance(call, ast.Attribute)]
    return attributes + [call.id for call in calls if isinstance(call, ast.Name)]


def touched(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


USE_CASES = [
    (module, function)
    for module in modules("services")
    if module not in THE_WAY
    for function in functions(module)
    if kinds(function) & ACTIONS
]
HELPERS = [
    (module, function)
    for module in modules("services")
    if module not in THE_WAY
    for function in functions(module)
    if kinds(function) & UNCOMMITTED
]


def name(value: object) -> str:
    return f"{value.name}" if isinstance(value, Function) else str(value)


@pytest.mark.parametrize(("module", "function"), USE_CASES, ids=name)
def test_a_use_case_commits_once_and_through_its_action(module: str, function: Function) -> None:
    assert not touched(function) & POOLS
    assert not kinds(function) & UNCOMMITTED, "a use case makes its transaction itself"
    assert called(function).count("transaction") <= 1


@pytest.mark.parametrize(("module", "function"), HELPERS, ids=name)
def test_a_helper_never_commits(module: str, function: Function) -> None:
    assert not set(called(function)) & (COMMITS | POOLS)
    assert not touched(function) & POOLS


@pytest.mark.parametrize("module", modules("services"))
def test_nothing_but_an_action_and_the_rounds_of_the_server_commits(module: str) -> None:
    if module in THE_WAY or module in ROUNDS:
        return
    for function in functions(module):
        if not kinds(function) & ACTIONS:
            assert not set(called(function)) & {"transaction", "upkeep", "attempt", "attempt_together"}, (
                f"{module}, {function.name}"
            )
        if not module.startswith("services/feed/") and not module.startswith("services/live/"):
            assert not touched(function) & {"autocommit", "writer"}, f"{module}, {function.name}"


def test_the_rounds_are_there_and_commit() -> None:
    for module in ROUNDS:
        text = (ROOT / module).read_text()
        assert any(way in text for way in (".transaction(", ".upkeep(", ".autocommit.", ".begin(")), module


@pytest.mark.parametrize("module", modules("gql"))
def test_no_resolver_commits_or_opens_a_transaction(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text())
    assert not set(called(tree)) & {"transaction", "attempt_together", "upkeep", "begin", "commit"}
    assert not touched(tree) & {"autocommit", "writer"}


@pytest.mark.parametrize("module", [path for path in modules("gql/mutations") if "__init__" not in path])
def test_a_mutation_makes_one_action(module: str) -> None:
    for function in functions(module):
        marked = any("mutation" in touched(mark) for mark in function.decorator_list)
        if marked or function.name == "resolve":
            actions = [call for call in called(function) if call in ("action_of", "anonymous_action_of")]
            assert len(actions) == 1, f"{module}, {function.name}"


def test_there_are_use_cases_and_helpers() -> None:
    assert len(USE_CASES) > 50
    assert len(HELPERS) > 50
