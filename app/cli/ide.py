"""`ccgraph ide-assets`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import say
from app.graphiql.assets import fill


def ide_assets(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made when it is not there.")],
) -> None:
    """Copy the files of GraphiQL to a folder, for networks without an outside.

    The files come out of their npm packages through `npm`, and are the ones this release was made for. Set
    CCGRAPH_IDE_ASSETS to the folder afterwards; it can be copied to other machines.

    ccgraph ide-assets /srv/ccgraph/ide
    """
    fill(folder, say)
    say(f"Set CCGRAPH_IDE_ASSETS={folder.resolve()} to serve GraphiQL from there.")
