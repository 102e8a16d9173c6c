"""Packages from npm, for tests that are of no use without them."""

import os
from collections.abc import Callable
from subprocess import CalledProcessError

import pytest

_QUICKLY = {"npm_config_fetch_timeout": "30000", "npm_config_fetch_retries": "1"}


def fetched(fetch: Callable[[], object]) -> None:
    """Fetch, or skip the test where no registry can be reached. A package that is not ours is no excuse."""
    os.environ.update(_QUICKLY)
    try:
        fetch()
    except CalledProcessError as error:
        pytest.skip(f"npm reaches no registry from here: {error.stderr}")
