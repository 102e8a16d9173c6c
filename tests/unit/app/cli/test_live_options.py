"""Which options of the live demo go together."""

import re

import pytest
from typer.testing import CliRunner

from app.cli import cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--live"), "--live: use it together with --demo"),
        (("serve", "--demo", "--speed", "2"), "--speed: use it together with --live"),
        (("demo", "--speed", "2"), "--speed: use it together with --live"),
        (("demo", "--live", "--speed", "0"), "greater than or equal to 0.01"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: tuple[str, ...], said: str) -> None:
    refused = CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"})

    assert refused.exit_code == 2
    assert said in re.sub(r"\s+", " ", refused.output)
