"""Data directories for tests of the embedded PostgreSQL."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.embedded import embedded_server
from tests.support.holding import QUICK


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was used once; tests take copies of it."""
    folder = tmp_path_factory.mktemp("pristine") / "data"
    with embedded_server(folder, command="pytest", overrides=QUICK):
        pass
    return folder


@pytest.fixture
def cluster(pristine: Path, tmp_path: Path) -> Path:
    """A data directory with a cluster, which nobody uses."""
    folder = tmp_path / "data"
    subprocess.run(["cp", "-a", pristine, folder], check=True)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="ccgraph-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
