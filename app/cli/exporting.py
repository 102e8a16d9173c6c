"""`ccgraph schema`."""

from pathlib import Path

from app.cli.console import say
from app.config.errors import StartupError
from gql.schema import print_schema


def write(file: Path, *, only_check: bool) -> None:
    """Write the schema. Raises: StartupError when the file differs from it and may not be written."""
    text = print_schema()
    if not only_check:
        file.write_text(text)
        say(f"{file} written.")
    elif not file.exists() or file.read_text() != text:
        raise StartupError(
            f"{file} is not the schema of this code: run `ccgraph schema` and commit the file."
        )
