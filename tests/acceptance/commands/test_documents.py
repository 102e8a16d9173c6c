"""The examples of docs/api.md, pasted into a shell beside a server with the demo."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from app.config.settings import Settings
from services.demo import load
from tests.support.serving import served

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "api.md"


STREAM = """set -e
follow() { sed --unbuffered '/^data:/q' < <(exec timeout 120 curl "$@" 2> /dev/null); }
"""


def empty(value: Any) -> bool:
    """Whether an answer shows nothing: null, an empty list, a count of nothing."""
    if isinstance(value, dict):
        return all(empty(inner) for key, inner in value.items() if key != "pageInfo")
    return not value or (isinstance(value, list) and all(map(empty, value)))


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await load(connection, scale=0.002, seed=1)
    finally:
        await connection.close()


def test_every_example_of_the_guide_runs_as_it_stands_and_finds_something(
    settings: Settings, database_url: str
) -> None:
    asyncio.run(fill(database_url))
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    # A reader ends a stream by Ctrl-C; here its first event does.
    script = STREAM + "".join(blocks).replace("curl -N", "follow -N")
    with served(settings) as server:
        done = subprocess.run(
            ["bash"],
            input=script.replace("http://127.0.0.1:8000", server.url),
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "DATABASE_URL": database_url,
                "CCGRAPH_SECRET_KEY": settings.signing_key(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    asked = re.findall(r"^ask (.*)$", script, re.MULTILINE)
    answered, _, streamed = done.stdout.partition("event: next")
    assert '"totalCount"' in streamed
    answers = re.findall(r'^\{"(?:data|errors)".*?\}$(?=\n\{|\n:|\n?\Z)', answered, re.DOTALL | re.MULTILINE)
    assert len(answers) == len(asked) > 10, done.stdout
    for query, answer in zip(asked, answers, strict=True):
        found = orjson.loads(answer)
        assert "errors" not in found, (query, found)
        assert not empty(found["data"]), (query, found)
