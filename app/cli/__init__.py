"""The command `ccgraph`."""

import sys
from typing import NoReturn

import typer

from app.cli import accounts, data, ide, serving, traffic
from app.cli.console import say
from app.errors import StartupError
from services.errors import DomainError

cli = typer.Typer(
    name="ccgraph",
    help="A GraphQL server over PostgreSQL for fleets of Claude Code sessions.\n\n"
    "Without settings it keeps its data in `.data` and runs a PostgreSQL of its own there: "
    "`ccgraph serve --demo` is enough for a first look. Settings are environment variables or lines of "
    "`.env`; docs/configuration.md lists them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cli.command()(serving.serve)
cli.command()(data.migrate)
cli.command("create-admin")(accounts.create_admin)
cli.command()(accounts.token)
cli.command()(data.check)
cli.command()(data.demo)
cli.command("import-mcp")(traffic.import_mcp)
cli.command("ide-assets")(ide.ide_assets)
cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(data.psql)


def main() -> None:
    """Run the command line; what a user can mend ends in one sentence and exit code 1."""
    try:
        cli()
    except StartupError as error:
        _refuse(str(error))
    except DomainError as error:
        place = (error.field or "").removeprefix("input.")
        _refuse(f"{place}: {error.message}" if place else error.message)


def _refuse(sentence: str) -> NoReturn:
    say(f"ccgraph: {sentence}")
    sys.exit(1)


if __name__ == "__main__":
    main()
