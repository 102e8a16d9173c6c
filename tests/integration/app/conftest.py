"""Data directories for tests of the embedded PostgreSQL."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import copied, used_once


@pytest.fixture(scope="session")
def pristine(run_folder: Path) -> Path:
    """A data directory that was used once; tests take copies of it."""
    return used_once(run_folder)


@pytest.fixture
def cluster(pristine: Path, tmp_path: Path) -> Path:
    """A data directory with a cluster, which nobody uses."""
    return copied(pristine, tmp_path / "data")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="ccgraph-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
