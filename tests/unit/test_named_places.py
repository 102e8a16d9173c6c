"""Every module, file and name that a text of the project names is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "gql", "services", "models", "migrations", "tests", "benchmarks")
PATH = re.compile(r"(?<![\w/.~*<>:-])(?:[\w-]+/)+[\w.-]*\w\.(?:py|md|sql|html|css|mjs|graphql|jsonl)\b")
FILE = re.compile(r"`([\w-]+\.py)`")
ELSEWHERE = {"frontend/schema.graphql", "app.state"}
"""A folder of the reader's, and Starlette's own `state` of an application that is called app."""
DOTTED = re.compile(rf"(?<![\w./])(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


@cache
def files() -> frozenset[str]:
    """Every file of the project, as a path from its top."""
    tops = [ROOT / name for name in (*PACKAGES, "docs")]
    found = [path for top in tops for path in top.rglob("*") if "node_modules" not in path.parts]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    return frozenset(path.relative_to(ROOT).as_posix() for path in found if path.is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Where and what: documents as they stand, docstrings and comments of code."""
    for path in sorted(files()):
        if path.endswith(".md"):
            yield path, (ROOT / path).read_text()
        elif path.endswith(".py"):
            source = (ROOT / path).read_text()
            for node in ast.walk(ast.parse(source)):
                documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                if isinstance(node, documented):
                    yield path, ast.get_docstring(node) or ""
            yield path, "\n".join(re.findall(r"(?:^|\s)#\s(.*)$", source, re.MULTILINE))


def is_there(path: str) -> bool:
    """Whether a file has this path, from the top or from any folder on the way to it."""
    return path in files() or any(name.endswith(f"/{path}") for name in files())


def resolves(dotted: str) -> bool:
    """Whether a module has this name, or a module is there that has the rest of it as a word."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        for name in (f"{stem}.py", f"{stem}/__init__.py"):
            if name in files():
                source = (ROOT / name).read_text()
                return all(re.search(rf"\b{re.escape(part)}\b", source) for part in parts[length:])
    return "/".join(parts) in {str(Path(name).parent) for name in files()}


def test_every_path_that_a_text_names_is_there() -> None:
    missing = {
        (where, named)
        for where, text in texts()
        for named in (*PATH.findall(text), *FILE.findall(text))
        if named not in ELSEWHERE and not is_there(named)
    }
    assert not missing


def test_every_dotted_name_of_ours_that_a_text_names_is_there() -> None:
    missing = {
        (where, named)
        for where, text in texts()
        for named in DOTTED.findall(text)
        if named not in ELSEWHERE and not resolves(named)
    }
    assert not missing
