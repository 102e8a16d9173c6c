"""Every module, file, name and decision that a text of the project names is there."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "gql", "services", "models", "migrations", "tests", "benchmarks")
PATH = re.compile(r"(?<![\w/.~*<>:-])(?:[\w-]+/)+[\w.-]*\w\.(?:py|md|sql|html|css|mjs|graphql|jsonl|tsx?)\b")
FOLDER = re.compile(
    rf"(?<![\w/.~*<>:$}}-])(?:{'|'.join((*PACKAGES, 'dashboard', 'docs'))})(?:/[\w-]+)+(?=/?(?:`|[ ,;)]|$))"
)
FILE = re.compile(r"`([\w-]+\.py)`")
PAGE = re.compile(r"(?<![\w/.*-])[\w-]+\.md\b")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
DECISIONS = "docs/decisions/"
CITED = re.compile(r"\bdecisions? (\d+(?:(?:, | and |, and | to )\d+)*)", re.IGNORECASE)
RECORD = re.compile(rf"{DECISIONS}(\d{{4}})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
PARTS = ["Context", "Decision", "Consequences", "Enforced by"]
ELSEWHERE = {"frontend/schema.graphql", "app.state"}
"""A folder of the reader's, and Starlette's own `state` of an application that is called app."""
DOTTED = re.compile(rf"(?<![\w./])(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


@cache
def files() -> frozenset[str]:
    """Every file of the project, as a path from its top."""
    found = [path.name for path in ROOT.iterdir() if path.is_file()]
    for top in (*PACKAGES, "docs", "dashboard"):
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = [name for name in folders if name != "node_modules"]  # nor does it enter them
            below = Path(folder).relative_to(ROOT).as_posix()
            found += [f"{below}/{name}" for name in names]
    return frozenset(found)


@cache
def texts() -> frozenset[tuple[str, str]]:
    """Where and what: documents as they stand, docstrings and comments of code."""
    return frozenset(read())


def read() -> Iterator[tuple[str, str]]:
    """The texts of each file, one after the other."""
    for path in sorted(files()):
        if path.endswith(".md"):
            yield path, (ROOT / path).read_text()
        elif path.endswith(".sql"):
            yield path, "\n".join(re.findall(r"^-- (.*)$", (ROOT / path).read_text(), re.MULTILINE))
        elif path.endswith(".py"):
            source = (ROOT / path).read_text()
            for node in ast.walk(ast.parse(source)):
                documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                if isinstance(node, documented):
                    yield path, ast.get_docstring(node) or ""
                    yield from ((path, text) for text in said_of_constants(node))
            yield path, "\n".join(re.findall(r"(?:^|\s)#\s(.*)$", source, re.MULTILINE))


def said_of_constants(node: ast.AST) -> Iterator[str]:
    """The texts that stand below assignments in a module, class or function, as docstrings do."""
    for before, statement in pairwise(getattr(node, "body", ())):
        match before, statement:
            case ast.Assign() | ast.AnnAssign(), ast.Expr(ast.Constant(str() as text)):
                yield text


@cache
def records() -> dict[int, str]:
    """The path of each decision record, by its number."""
    return {int(found[1]): path for path in files() if (found := RECORD.fullmatch(path))}


@cache
def ends() -> frozenset[str]:
    """The paths of all files, from the top and from each folder on the way to them."""
    return frozenset("/".join(parts[start:]) for parts in split() for start in range(len(parts)))


@cache
def folders() -> frozenset[str]:
    """The paths of all folders, from the top."""
    return frozenset("/".join(parts[:length]) for parts in split() for length in range(1, len(parts)))


def split() -> list[list[str]]:
    """The paths of all files in their parts."""
    return [name.split("/") for name in files()]


def is_there(path: str) -> bool:
    """Whether a file has this path, from the top or from any folder on the way to it."""
    return path in ends()


def resolves(dotted: str) -> bool:
    """Whether a module has this name, or a module is there that has the rest of it as a word."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        for name in (f"{stem}.py", f"{stem}/__init__.py"):
            if name in files():
                source = (ROOT / name).read_text()
                return all(re.search(rf"\b{re.escape(part)}\b", source) for part in parts[length:])
    return "/".join(parts) in folders()


def test_every_path_that_a_text_names_is_there() -> None:
    missing = {
        (where, named)
        for where, text in texts()
        for named in (*PATH.findall(text), *FILE.findall(text), *PAGE.findall(text))
        if named not in ELSEWHERE and not is_there(named)
    }
    assert not missing


def test_every_folder_that_a_text_names_is_there() -> None:
    missing = {
        (where, named)
        for where, text in texts()
        for named in FOLDER.findall(text)
        if named not in folders()
        and f"{named}.py" not in files()
        and f"dashboard/src/{named}" not in folders()
        and named not in files()
    }
    assert not missing


def test_every_target_of_make_that_a_text_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(where, name) for where, text in texts() for name in re.findall(r"`make ([a-z-]+)", text)}
    assert {name for _, name in named} >= {"check", "fix", "run", "test"}
    assert not {(where, name) for where, name in named if name not in targets}


def test_every_dotted_name_of_ours_that_a_text_names_is_there() -> None:
    missing = {
        (where, named)
        for where, text in texts()
        for named in DOTTED.findall(text)
        if named not in ELSEWHERE and not resolves(named)
    }
    assert not missing


def test_every_link_of_a_document_leads_to_a_file() -> None:
    missing = {
        (where, link)
        for where, text in texts()
        if where.endswith(".md")
        for link in LINK.findall(text)
        if not (ROOT / where).parent.joinpath(link).exists()
    }
    assert not missing


def test_every_decision_that_a_text_cites_has_a_record() -> None:
    cited = {
        (where, int(number))
        for where, text in texts()
        for numbers in CITED.findall(" ".join(text.split()))
        for number in re.findall(r"\d+", numbers)
    }
    assert {number for _, number in cited} >= {2, 13, 24, 27}
    assert not {(where, number) for where, number in cited if number not in records()}


def test_every_page_of_decisions_is_a_record_with_a_number_of_its_own() -> None:
    pages = {path for path in files() if path.startswith(DECISIONS)}
    assert pages == {f"{DECISIONS}README.md", *records().values()}


@pytest.mark.parametrize(("number", "path"), sorted(records().items()))
def test_a_record_has_its_parts_is_listed_and_names_what_enforces_it(number: int, path: str) -> None:
    heading, *sections = re.split(r"^## ", (ROOT / path).read_text(), flags=re.MULTILINE)
    title = heading.removeprefix(f"# {number}. ").strip()
    parts = {name: body.strip() for name, _, body in (section.partition("\n") for section in sections)}

    assert heading == f"# {number}. {title}\n\n"
    assert [*parts] == PARTS
    assert all(parts.values())
    assert any(named in files() for named in PATH.findall(parts["Enforced by"]))
    line = f"| [{number}]({path.removeprefix(DECISIONS)}) | {title} |\n"
    assert line in (ROOT / DECISIONS / "README.md").read_text()
