"""The command `ccgraph`: its commands and their help. What they do is imported when it is done."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

import typer

from app.cli.console import say
from app.cli.database import database
from app.cli.machine import machine
from app.cli.options import Speed, moment_of, pacing_of, uuid_of
from app.config.errors import StartupError
from services.core.errors import DomainError

cli = typer.Typer(
    name="ccgraph",
    help="A GraphQL server over PostgreSQL for fleets of Claude Code sessions.\n\n"
    "Without settings it keeps its data in `.data` and runs a PostgreSQL of its own there: "
    "`ccgraph serve --demo --live` is enough for a first look. Settings are environment variables or "
    "lines of `.env`; docs/configuration.md lists them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(machine)
cli.add_typer(database)


def main() -> None:
    """Run the command line; what a user can mend ends in one sentence and exit code 1."""
    try:
        cli()
    except StartupError as error:
        _refuse(str(error))
    except DomainError as error:
        place = (error.field or "").removeprefix("input.")
        _refuse(f"{place}: {error.message}" if place else error.message)
    except Exception as error:
        from app.cli.trouble import sentence_about

        sentence = sentence_about(error)
        if sentence is None:
            raise
        _refuse(sentence)


def _refuse(sentence: str) -> NoReturn:
    say(f"ccgraph: {sentence}")
    sys.exit(1)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of CCGRAPH_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of CCGRAPH_PORT.", min=0, max=65535)] = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Load a small demo fleet on the first start and print a first query."),
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="With --demo: the fleet moves (動く), as by `ccgraph demo --live`.")
    ] = False,
    speed: Speed = None,
    migrate_first: Annotated[
        bool, typer.Option("--migrate", help="Migrate the database of DATABASE_URL first.")
    ] = False,
    worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker", help="Do the work of `ccgraph worker` too; instead of CCGRAPH_WORKER."
        ),
    ] = None,
) -> None:
    """Serve the API at /graphql and health at /healthz until SIGTERM or Ctrl-C.

    Requests in flight get CCGRAPH_SHUTDOWN_TIMEOUT seconds to finish. Without DATABASE_URL the embedded
    PostgreSQL starts and stops with the server, and is migrated at the start.

    ```sh
    ccgraph serve --demo --live
    DATABASE_URL=postgresql://ccgraph@db/ccgraph ccgraph serve --migrate --host 0.0.0.0
    ```
    """
    from app.cli import serving

    if live and not demo:
        raise typer.BadParameter("use it together with --demo.", param_hint="--live")
    pacing = pacing_of(speed, live=live)
    serving.serve(host, port, demo=demo, migrate_first=migrate_first, worker=worker, live=pacing)


@cli.command()
def worker() -> None:
    """Deliver notifications and run maintenance by schedule, until SIGTERM or Ctrl-C.

    `ccgraph serve` does it too unless it is told `--no-worker`. Any number of both may run: a notification
    goes out once, and one process at a time runs maintenance. Set BROADCAST_URL to the same broker for all,
    so that a worker hears at once of what a server stores.

    ```sh
    ccgraph serve --no-worker
    ccgraph worker
    ```
    """
    from app.cli import working

    working.work()


@cli.command()
def migrate() -> None:
    """Bring the database to this release's tables.

    Safe to run twice and from two places at once. With the embedded PostgreSQL every command does it
    by itself.
    """
    from app.cli import data

    data.migrate()


@cli.command("create-admin")
def create_admin(
    username: Annotated[str, typer.Option(help="The name to log in with.", prompt=True)],
    email: Annotated[str | None, typer.Option(help="Where the person can be reached.")] = None,
) -> None:
    """Create an administrator, who sees and changes everything.

    The password is asked for, or read as the first line of the standard input when that is not a terminal.

    ```sh
    ccgraph create-admin --username root
    ccgraph create-admin --username root < password.txt
    ```
    """
    from app.cli import accounts

    accounts.create_admin(username, email)


@cli.command()
def token(
    username: Annotated[
        str | None,
        typer.Option(
            help="Whose token: the name of an active account; the only one, or the demo's, if absent."
        ),
    ] = None,
    minutes: Annotated[int, typer.Option(help="How long the token is good.", min=1, max=60 * 24 * 365)] = 15,
    ingest: Annotated[
        bool, typer.Option("--ingest", help="An ingest token, which can only send records of Claude Code.")
    ] = False,
) -> None:
    """Print an access token for a user.

    Nothing else is printed, so that a script can take it.

    ```sh
    curl -H "Authorization: Bearer $(ccgraph token --username demo)" ...
    ```
    """
    from app.cli import accounts

    accounts.print_token(username, minutes, ingest=ingest)


@cli.command()
def demo(
    scale: Annotated[
        float, typer.Option(help="1 is a year of 100 users with about a million file operations.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(
            help="When the year ends (終わり), instead of now: with it the data is the same at any time.",
            parser=moment_of,
            metavar="TIME",
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Play (動かす) the fleet of a database that holds the demo, until Ctrl-C."
        ),
    ] = False,
    speed: Speed = None,
) -> None:
    """Load a believable fleet into an empty database, or let one that was loaded move.

    People, projects, sessions, instances, tasks, messages and logs, with Japanese text among them.

    With `--live` instances begin and end, use tools, take tasks, ask for permissions and wait for the answer,
    in four projects of their own. It goes on until SIGTERM or Ctrl-C, which ends what it began. An empty
    database gets the demo first; one with other data is refused. `ccgraph serve --demo --live` does both.

    ```sh
    ccgraph demo --scale 0.1 --seed 7 --until 2026-11-01T00:00:00Z
    ccgraph demo --live --speed 5
    ```
    """
    from app.cli import data, playing

    year = data.Year.up_to_now(scale, seed) if until is None else data.Year(scale, seed, until)
    pacing = pacing_of(speed, live=live)
    if pacing is None:
        data.demo(year)
    else:
        playing.play(year, pacing)


@cli.command("import-mcp")
def import_mcp(
    file: Annotated[
        Path, typer.Argument(help="JSON-RPC messages, one JSON object a line.", exists=True, dir_okay=False)
    ],
    instance: Annotated[
        UUID,
        typer.Option(help="The id of the CC instance whose traffic it is.", parser=uuid_of, metavar="UUID"),
    ],
) -> None:
    """File recorded MCP traffic under a CC instance, through the same code as `recordMcpMessages`.

    A line is a message, or an object with the message under `message` and its time under `at`. Nothing is
    stored when a line is wrong; a file that was imported before adds nothing.

    ```sh
    ccgraph import-mcp traffic.jsonl --instance 019a3b77-7587-7945-afe9-8900d58efbe7
    ```
    """
    from app.cli import traffic

    traffic.import_file(file, instance)


@cli.command()
def mcp(
    url: Annotated[
        str | None,
        typer.Option(help="The server, instead of CCGRAPH_URL; the one of this machine if absent."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file with the access token, instead of CCGRAPH_TOKEN.", dir_okay=False),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(help="Key of the instance that works, instead of CCGRAPH_INSTANCE.", metavar="UUID"),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="On this machine: in whose name, where there are several accounts.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Certificates of your own authority (PEM).", dir_okay=False)
    ] = None,
) -> None:
    """Speak MCP over the standard input and output, for clients that start a program: Claude Code, for one.

    Everything goes to the server's /mcp, as the instance that is named, else as the session of Claude Code
    that has started this (CLAUDE_CODE_SESSION_ID). Without a URL it is the server that runs on this machine,
    and `ccgraph token` makes the token. Proxies are those of HTTPS_PROXY, http_proxy and NO_PROXY.

    ```sh
    claude mcp add ccgraph -- ccgraph mcp
    claude mcp add ccgraph -e CCGRAPH_TOKEN=... -- ccgraph mcp --url https://ccgraph.example
    ```
    """
    from app.bridge import command

    command.run(url, token_file, instance, username, ca)


@cli.command()
def schema(
    output: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path("schema.graphql"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 when the file is not up to date.")
    ] = False,
) -> None:
    """Write the API's schema in GraphQL's own language, for client generators and for review.

    No database is needed.

    ```sh
    ccgraph schema --output frontend/schema.graphql
    ```
    """
    from app.cli import exporting

    exporting.write(output, only_check=check)


if __name__ == "__main__":
    main()
