"""Runs `ccgraph` as a person would, in a folder of its own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forked import FORKER

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ccgraph(tmp_path: Path) -> Run:
    """Run a command to its end; `settings` are variables of its environment."""

    def run(*arguments: str, text: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        return FORKER.run(arguments, tmp_path, {**os.environ, **settings}, text)

    return run


@pytest.fixture
def on_database(ccgraph: Run, database_url: str) -> Run:
    """The same, on the migrated database of the test."""

    def run(*arguments: str, text: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        key = "a key that signs nothing outside of the tests"
        given = {"DATABASE_URL": database_url, "CCGRAPH_SECRET_KEY": key, **settings}
        return ccgraph(*arguments, text=text, **given)

    return run
