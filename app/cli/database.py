"""Commands that look after the data: backup and restore, maintenance, keys, PostgreSQL's own programs."""

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

database = typer.Typer()

PANEL: Final = "The data (データ)"


@database.command(rich_help_panel=PANEL)
def check() -> None:
    """Look through the data for what should not be, as the client document does in an emergency (8.3).

    Exit code 1 when something has to be looked at.
    """
    from app.cli import data

    data.check()


@database.command("backup", rich_help_panel=PANEL)
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
        raise typer.BadParameter("it cannot be combined with --to or --base.", param_hint="--verify")
    if verify is not None:
        backups.verify(verify)
    elif base:
        backups.base(to)
    else:
        backups.backup(to)


@database.command("restore", rich_help_panel=PANEL)
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
        raise typer.BadParameter("use them together with --at only.", param_hint="--from, --timeline")
    if file is not None:
        restoring.restore(file, without_keys=without_keys, discard_waiting=discard_waiting)
    elif at is not None:
        restoring.restore_at(at, source, timeline, without_keys=without_keys, discard_waiting=discard_waiting)


@database.command(rich_help_panel=PANEL)
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


@database.command("rotate-keys", rich_help_panel=PANEL)
def rotate_keys() -> None:
    """Encrypt secrets anew with the first key of CCGRAPH_ENCRYPTION_KEYS.

    Put the new key first and keep the old one behind it, restart the servers, run this, then take the old
    one out.
    """
    from app.cli import secrets

    secrets.rotate_keys()


PASSING = {"allow_extra_args": True, "ignore_unknown_options": True}


@database.command(context_settings=PASSING, rich_help_panel=PANEL)
def psql(context: typer.Context) -> None:
    """Open a SQL prompt on the database.

    What follows goes to psql; the embedded PostgreSQL runs meanwhile.

    ```sh
    ccgraph psql
    ccgraph psql -c "SELECT status, count(*) FROM cc_instances GROUP BY status"
    ```
    """
    _run_program("psql", context)


@database.command("pg-dump", context_settings=PASSING, rich_help_panel=PANEL)
def pg_dump(context: typer.Context) -> None:
    """Run pg_dump on the database. `ccgraph backup` makes a backup that can be checked.

    What follows goes to pg_dump; the server may serve meanwhile.

    ```sh
    ccgraph pg-dump --format=custom --file=ccgraph.dump
    ```
    """
    _run_program("pg_dump", context)


@database.command("pg-restore", context_settings=PASSING, rich_help_panel=PANEL)
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
