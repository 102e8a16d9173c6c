"""Docstrings begin with what a thing is, and tell errors in one form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "gql", "services", "models", "benchmarks", "tests/support")

RIDDLE = re.compile(
    r"(?:What|How|Which|Who|Whom|Whose|Where|When|Why|Whether|That"
    r"|Those|It|As|By|For|From|In|Of|On|To|Until|With)\b"
)
"""The beginning of a riddle: it asks for the noun, or the verb, that a reader looks for, or leaves it out."""

READ_BY_CLIENTS = ("models/", "app/mcp/tools/", "app/mcp/values.py", "gql/planner/order.py")
"""Docstrings of these classes are descriptions in the schema, or in those of agents' tools."""

ERROR = r"(?:json\.)?[A-Z]\w*(?:Error|Found|Forbidden|Conflict|Input|Exceeded|Refused|Unavailable|Expired)"
OTHER_FORMS = re.compile(
    rf"\bRaises? (?!:)`?(?:{ERROR}|what|the)\b|\b(?:or|else|otherwise|is an?) `?{ERROR}\b(?=[`.;,])"
)

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documented() -> Iterator[tuple[str, Documented, str]]:
    """The path, the node and the docstring of everything that has one."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" in path.parts:  # of the peers of the benchmarks
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                    yield path.relative_to(ROOT).as_posix(), node, text


def test_every_docstring_begins_with_a_noun_or_a_verb() -> None:
    found = [
        (path, getattr(node, "name", ""), text.splitlines()[0])
        for path, node, text in documented()
        if not (isinstance(node, ast.ClassDef) and path.startswith(READ_BY_CLIENTS))
        if RIDDLE.match(text)
    ]
    assert found == []


def test_errors_are_told_after_raises_and_a_colon() -> None:
    found = [
        (path, getattr(node, "name", ""), said[0])
        for path, node, text in documented()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for said in [OTHER_FORMS.search(re.sub(r"Raises: [^.]*\.", "", " ".join(text.split())))]
        if said is not None
    ]
    assert found == []
