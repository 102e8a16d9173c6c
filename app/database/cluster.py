"""Makes a new PostgreSQL cluster, completely or not at all."""

import locale
import shutil
import subprocess

from app.database.configuration import DATABASE, OWNER, SUPERUSER, include_configuration
from app.database.directory import DataDirectory
from app.database.postmaster import failure
from app.database.programs import Account, plain_environment, program

BOOTSTRAP = f"CREATE ROLE {OWNER} LOGIN\nCREATE DATABASE {DATABASE} OWNER {OWNER}\n"
"""For PostgreSQL's single-user mode, where a line is a statement."""


def make_cluster(directory: DataDirectory, account: Account, *, durable: bool) -> None:
    """Run initdb, add our role and database beside, and rename all into place. Raises: StartupError.

    Text sorts and folds by PostgreSQL's own C.UTF-8: a new C library on the machine cannot break an index.
    """
    new = directory.cluster.with_suffix(".new")
    if new.exists():  # of a start that was killed
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    try:
        account.give(new)
        initdb = [program("initdb"), "-D", str(new), "-U", SUPERUSER, "--encoding=UTF8", "--no-instructions"]
        initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={_system_locale()}"]
        initdb += ["--auth-local=peer", "--auth-host=reject", *([] if durable else ["--no-sync"])]
        _run(directory, account, initdb)
        _run(directory, account, [program("postgres"), "--single", "-D", str(new), "postgres"], BOOTSTRAP)
        include_configuration(new)
        new.rename(directory.cluster)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _run(directory: DataDirectory, account: Account, arguments: list[str], text: str = "") -> None:
    folder = directory.cluster.with_suffix(".new")
    done = subprocess.run(
        account.command(arguments, folder=folder),
        input=text,
        capture_output=True,
        text=True,
        cwd="/",
        env=plain_environment(),
        check=False,
    )
    # Single-user mode reports a failed statement in its output only.
    if done.returncode or "ERROR:" in done.stderr:
        raise failure(directory, done.returncode, done.stdout + done.stderr)


def _system_locale() -> str:
    """The C library's locale for character classes, where ours is not asked: C.UTF-8, or C on old systems."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    else:
        return "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
