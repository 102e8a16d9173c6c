"""The dashboard's own checks: types, style, tests of its functions, and what it weighs."""

import re

import pytest

from app.dashboard.files import FOLDER, INDEX
from services.writing.lifecycles import TASK
from tests.support.dashboard import NEEDS_BUILD, NEEDS_PACKAGES, SOURCE, npm

MOST_FOR_HOME = 300_000
"""Bytes that gzip leaves of all that the first page loads."""


@pytest.mark.node
@NEEDS_PACKAGES
@pytest.mark.parametrize("script", ["generate", "types", "lint", "test"])
def test_its_checks_pass(script: str) -> None:
    done = npm("run", script)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_board_offers_the_statuses_that_a_task_may_take() -> None:
    source = (SOURCE / "src/pages/board/columns.ts").read_text()
    (body,) = re.findall(r"const NEXT[^{]*\{(.*?)\n\}", source, re.DOTALL)
    offered = {
        status: set(re.findall(r"'(\w+)'", following))
        for status, following in re.findall(r"(\w+): \[(.*?)\]", body)
    }

    assert offered == {status.name: {step.name for step in steps} for status, steps in TASK.steps.items()}


def test_its_lock_file_names_no_registry() -> None:
    lock = (SOURCE / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert "registry" not in lock


@NEEDS_BUILD
def test_the_page_has_no_script_or_style_of_its_own_and_names_no_other_host() -> None:
    page = (FOLDER / INDEX).read_text()

    assert re.findall(r"<script(?![^>]*\ssrc=\"/)|<style|\son\w+=|javascript:|https?://", page) == []


@NEEDS_BUILD
def test_the_first_page_is_light() -> None:
    files = [
        re.sub("^/", "", name)
        for name in re.findall(r'(?:src|href)="(/assets/[^"]+)"', (FOLDER / INDEX).read_text())
    ]
    files += [
        path.relative_to(FOLDER).as_posix()
        for path in (FOLDER / "assets").glob("HomePage-*")
        if path.suffix in (".js", ".css")
    ]
    sizes = {
        name: (FOLDER / f"{name}.gz").stat().st_size for name in files if (FOLDER / f"{name}.gz").exists()
    }

    assert len(sizes) >= 3
    assert sum(sizes.values()) < MOST_FOR_HOME
