"""docs/agents.md: what is to be pasted is GraphQL of this schema, and names tools that there are."""

import re
from pathlib import Path

from graphql import build_schema, parse, validate

from app.mcp.tools.all import TOOLS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/agents.md").read_text()


def test_its_queries_fit_the_schema() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    blocks = re.findall(r"^```graphql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        assert validate(schema, parse(block)) == []


def test_every_tool_is_told_of() -> None:
    table = PAGE.partition("## The tools")[2].partition("A claim lasts")[0]
    assert {name for name in re.findall(r"`([a-z_]+)`", table) if "_" in name or name in TOOLS} == {*TOOLS}
