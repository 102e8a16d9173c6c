"""The command `ccgraph`: its commands and their help. What they do is imported when it is done."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from app.cli.console import say
from app.cli.machine import machine
from app.config.errors import StartupError
from services.core.errors import DomainError

if TYPE_CHECKING:
    from services.demo.live import Pacing

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


def _uuid(text: str) -> UUID:
    """A UUID as the API takes it."""
    from models.spellings import read_uuid

    try:
        return read_uuid(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


def _moment(text: str) -> datetime:
    """A time as the API takes it."""
    from models.spellings import read_moment

    try:
        return read_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


Speed = Annotated[
    float | None,
    typer.Option(
        help="With --live: how fast it moves (速さ); 1 is the speed of real work.", min=0.01, max=1000
    ),
]


def _pacing(speed: float | None, *, live: bool) -> "Pacing | None":
    """How fast the demo is to be played; None where it stands still."""
    if not live:
        if speed is not None:
            raise typer.BadParameter("it goes with --live.", param_hint="--speed")
        return None
    from services.demo.live import Pacing

    return Pacing(1.0 if speed is None else speed)


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
        raise typer.BadParameter("it goes with --demo.", param_hint="--live")
    pacing = _pacing(speed, live=live)
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
        bool, typer.Option("--ingest", help="One that can only hand in what Claude Code tells.")
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
def check() -> None:
    """Look through the data for what should not be, as the client document does in an emergency (8.3).

    Exit code 1 when something has to be looked at.
    """
    from app.cli import data

    data.check()


@cli.command("backup")
def make_backup(
    to: Annotated[
        Path | None, typer.Option(help="The folder, instead of CCGRAPH_BACKUP_DIR.", file_okay=False)
    ] = None,
    base: Annotated[
        bool, typer.Option("--base", help="Copy the files of the embedded PostgreSQL, for `restore --at`.")
    ] = False,
    verify: Annotated[
        Path | None,
        typer.Option(
            help="Make none: read this dump into a scratch database and compare it.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Make a backup (バックアップ), while the server serves; print its path.

    A dump is three files: `NAME.dump` (rows and schema, compressed), `NAME.schema.sql` (to be read by
    people) and `NAME.dump.json` (checksum, rows of each table, names of the encryption keys that it needs).
    It is whole or not there, also after a kill. Dumps older than CCGRAPH_BACKUP_KEEP_DAYS are removed. The
    keys themselves are in no backup: keep CCGRAPH_SECRET_KEY, or the file `secret_key`, in another place.

    `--base` is for going back to any second (`ccgraph restore --at`), together with CCGRAPH_WAL_ARCHIVE=true.

    Exit code 0 when it is made, or good; 1 when not, with a sentence.

    ```sh
    ccgraph backup --to /mnt/backups
    ccgraph backup --verify /mnt/backups/ccgraph-20260131T120000Z.dump
    ccgraph backup --base
    ```
    """
    from app.cli import backup as backups

    if verify is not None and (base or to is not None):
        raise typer.BadParameter("it goes with neither --to nor --base.", param_hint="--verify")
    if verify is not None:
        backups.verify(verify)
    elif base:
        backups.base(to)
    else:
        backups.backup(to)


@cli.command("restore")
def restore_backup(
    file: Annotated[
        Path | None, typer.Argument(help="A file NAME.dump of `ccgraph backup`.", metavar="[FILE]")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Instead of a file: the moment to go back to, such as 2026-01-31T12:00:00Z, or `latest`."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="With --at: the folder of backups, instead of CCGRAPH_BACKUP_DIR."),
    ] = None,
    timeline: Annotated[
        int | None,
        typer.Option(
            help="With --at: which of several pasts, where a restore left one behind; the one in which the "
            "server lived at that moment if absent.",
            min=1,
        ),
    ] = None,
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="Go on although encryption keys that it needs are not set."),
    ] = False,
    discard_waiting: Annotated[
        bool,
        typer.Option("--discard-waiting", help="Call off the notifications that wait to be sent."),
    ] = False,
) -> None:
    """Restore (復元) a backup into an empty database: a new CCGRAPH_DATA_DIR, or the one of DATABASE_URL.

    The file is checked first, then read in one transaction and compared with what was saved, migrated to
    this release, and looked through as by `ccgraph check`. If anything is wrong, a sentence says so and the
    target is as it was. A target that is not empty is refused.

    `--at` brings the embedded PostgreSQL, in a new CCGRAPH_DATA_DIR, to the very second: what was committed
    until then is there, and nothing that came later.

    Exit code 0 when all is well; 3 when it was restored and the look through the data found something; 1 when
    nothing was restored.

    ```sh
    CCGRAPH_DATA_DIR=restored ccgraph restore /mnt/backups/ccgraph-20260131T120000Z.dump
    CCGRAPH_DATA_DIR=restored ccgraph restore --at 2026-01-31T11:59:59Z --from .data/backups
    ```
    """
    from app.cli import restore as restoring

    if (file is None) == (at is None):
        raise typer.BadParameter("give either a file or --at.", param_hint="FILE")
    if file is not None and (source is not None or timeline is not None):
        raise typer.BadParameter("they go with --at only.", param_hint="--from, --timeline")
    if file is not None:
        restoring.restore(file, without_keys=without_keys, discard_waiting=discard_waiting)
    elif at is not None:
        restoring.restore_at(at, source, timeline, without_keys=without_keys, discard_waiting=discard_waiting)


@cli.command()
def maintenance(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing: tell what there is to do, in the same numbers.")
    ] = False,
) -> None:
    """Do now what a server does by its schedule (メンテナンス), while the server serves.

    Makes the coming partitions, drops and removes what is past retention, compacts long MCP payloads, moves
    archived projects, removes expired tokens, ends lost connections and claims, completes due clean-ups of
    worktrees, marks silent instances and renews statistics. The figures are rows `retention.*` and
    `archive.*` of system_settings. No lock is held for longer than a second; a step that fails is told, and
    the others are done. One process at a time does it; a run that was killed is gone on with by the next.

    Administrators read earlier runs as `maintenanceRuns`, and how the database is as `systemHealth`.

    Exit code 0 when every step was done; 3 when some failed; 1 when nothing was done, as where another
    process is at it.

    ```sh
    ccgraph maintenance --dry-run
    ccgraph maintenance
    ```
    """
    from app.cli import maintaining

    maintaining.maintain(dry_run=dry_run)


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
            parser=_moment,
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
    pacing = _pacing(speed, live=live)
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
        typer.Option(help="The id of the CC instance whose traffic it is.", parser=_uuid, metavar="UUID"),
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
) -> None:
    """Speak MCP over the standard input and output, for clients that start a program: Claude Code, for one.

    Everything goes to the server's /mcp, as the instance that is named, else as the session of Claude Code
    that has started this (CLAUDE_CODE_SESSION_ID). Without a URL it is the server that runs on this machine,
    and `ccgraph token` makes the token.

    ```sh
    claude mcp add ccgraph -- ccgraph mcp
    claude mcp add ccgraph -e CCGRAPH_TOKEN=... -- ccgraph mcp --url https://ccgraph.example
    ```
    """
    from app.bridge import command

    command.run(url, token_file, instance, username)


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


@cli.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt secrets anew with the first key of CCGRAPH_ENCRYPTION_KEYS.

    Put the new key first and keep the old one behind it, restart the servers, run this, then take the old
    one out.
    """
    from app.cli import secrets

    secrets.rotate_keys()


PASSING = {"allow_extra_args": True, "ignore_unknown_options": True}


@cli.command(context_settings=PASSING)
def psql(context: typer.Context) -> None:
    """Open a SQL prompt on the database.

    What follows goes to psql; the embedded PostgreSQL runs meanwhile.

    ```sh
    ccgraph psql
    ccgraph psql -c "SELECT status, count(*) FROM cc_instances GROUP BY status"
    ```
    """
    _run_program("psql", context)


@cli.command("pg-dump", context_settings=PASSING)
def pg_dump(context: typer.Context) -> None:
    """Run pg_dump on the database. `ccgraph backup` makes a backup that can be checked.

    What follows goes to pg_dump; the server may serve meanwhile.

    ```sh
    ccgraph pg-dump --format=custom --file=ccgraph.dump
    ```
    """
    _run_program("pg_dump", context)


@cli.command("pg-restore", context_settings=PASSING)
def pg_restore(context: typer.Context) -> None:
    """Run pg_restore on the database. `ccgraph restore` reads what `ccgraph backup` made, and checks it.

    What follows goes to pg_restore, which needs an empty database: a new data directory, or this one emptied
    first. (Its own --clean stumbles over partitions.) Stop the server meanwhile. Subscribers begin anew
    afterwards: their old cursors are refused. Everything belongs to the role of DATABASE_URL afterwards,
    whichever roles the dump names. A server older than the dump's may not know all of its settings.

    ```sh
    ccgraph psql -c "DROP SCHEMA public CASCADE" -c "CREATE SCHEMA public"
    ccgraph pg-restore ccgraph.dump
    ```
    """
    _run_program("pg_restore", context)


def _run_program(name: str, context: typer.Context) -> NoReturn:
    from app.cli import programs

    raise typer.Exit(programs.run_program(name, context.args))


if __name__ == "__main__":
    main()
