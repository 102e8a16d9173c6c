"""What tests of the page share."""

from pathlib import Path

import pytest

from app.graphiql.assets import fill
from tests.support.npm import fetched


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `ccgraph ide-assets` fills."""
    folder = tmp_path_factory.mktemp("ide")
    fetched(lambda: fill(folder))
    return folder
