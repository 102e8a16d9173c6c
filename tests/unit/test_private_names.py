"""Private parts of libraries are used in gql/compat and app/compat alone, where tests name them."""

import ast
import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from broadcaster import Broadcast

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "gql", "services", "models")
PUBLIC = {"_fields", "_replace", "_asdict", "_exit"}
"""Public: with an underscore to be told from fields of named tuples, or since POSIX has it."""

EXCEPTIONS = {
    ("models/enums.py", "_value_"),  # so Python documents enums with values of their own
    ("services/feed/wakeup.py", "_listener_task"),  # see the test below
}

LIBRARIES = (
    "asyncpg",
    "broadcaster",
    "graphql-core",
    "httptools",
    "sqlalchemy",
    "strawberry-graphql",
    "uvicorn",
    "websockets",
)


def private_names(tree: ast.AST) -> Iterator[str]:
    """Names with an underscore that are taken of something else than `self` and `cls`, or imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            ours = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not ours and not isinstance(node.value, ast.Call) and node.attr not in PUBLIC:
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(PACKAGES):
            yield from (name.name for name in node.names if name.name.startswith("_"))


def test_private_names_of_libraries_are_taken_in_compat_alone() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.parent.name != "compat"
        for name in private_names(ast.parse(path.read_text()))
    }
    assert found - EXCEPTIONS == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_whose_private_parts_are_used_has_an_upper_bound(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (each for each in project["dependencies"] if each.startswith((f"{library}>", f"{library}[")))
    assert ",<" in wanted


async def test_broadcaster_hands_events_on_in_a_task_of_this_name() -> None:
    broadcast = Broadcast("memory://")
    await broadcast.connect()
    try:
        assert isinstance(broadcast._listener_task, asyncio.Task)
    finally:
        await broadcast.disconnect()
