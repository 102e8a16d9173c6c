"""The embedded PostgreSQL: one postmaster on one data directory, however many commands use it."""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.config.errors import StartupError
from app.database.archiving import Archive
from app.database.cluster import make_cluster
from app.database.configuration import DATABASE, OWNER, write_configuration
from app.database.directory import DataDirectory, Holder, cannot_use
from app.database.postmaster import Postmaster, ready_postmaster
from app.database.processes import postgres_processes, started_at
from app.database.programs import Account, account_name

SOCKET_PATH_LIMIT = 107
"""Bytes that the path of a Unix socket may have (unix(7))."""

ORPHAN_TIMEOUT = 10.0
STOP_TIMEOUT = 60.0
POLL = 0.02
"""Seconds: until an orphan that should be stopping is told so, for its shutdown, between two looks."""

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Takes no notice of progress."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running embedded PostgreSQL. `postmaster` is None for a guest, whose server another process runs."""

    directory: DataDirectory
    sockets: Path
    postmaster: Postmaster | None = None

    def url(self, database: str = DATABASE, role: str = OWNER) -> str:
        """A PostgreSQL URL as libpq, asyncpg and `DATABASE_URL` understand it."""
        return f"postgresql://{quote(role)}@/{quote(database)}?host={quote(str(self.sockets), safe='')}"


@contextmanager
def embedded_server(
    path: Path,
    *,
    command: str,
    alone: bool = False,
    overrides: Mapping[str, str] | None = None,
    archive: Archive | None = None,
    reach: Sequence[tuple[str, int]] = (),
    say: Say = silent,
) -> Iterator[EmbeddedServer]:
    """PostgreSQL on the data directory `path` for as long as the block lasts.

    It is started where it does not run. Where another command does, this one becomes its guest, and the other
    waits for it in the end. `alone` refuses to be a guest and waits for none. `archive` is where it archives
    its log. `reach` are further paths that the user who runs PostgreSQL must have access to (os.R_OK | ...).

    Raises: StartupError for what prevents the start.
    """
    directory = DataDirectory(path.expanduser().absolute())
    directory.prepare()
    while True:
        with directory.locked(directory.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if lock is not None:
                host = _host(directory, lock, command, overrides or {}, archive, reach, say)
                with ExitStack() as stopped, host as server:
                    yield server
                    if not alone:
                        stopped.enter_context(_without_guests(directory, say))
                return
        holder = directory.holder()
        if holder is None or not holder.alive:
            _await_orphan(directory)
        elif alone:
            raise StartupError(
                f"{directory.path} is in use by `{holder.command}` (process {holder.pid}): "
                "end that one first, or set CCGRAPH_DATA_DIR to another folder."
            )
        else:
            with directory.locked(directory.guests, fcntl.LOCK_SH):
                if _await_ready(directory, holder):
                    yield EmbeddedServer(directory, Path(holder.sockets))
                    return


@contextmanager
def _host(
    directory: DataDirectory,
    lock: int,
    command: str,
    overrides: Mapping[str, str],
    archive: Archive | None,
    reach: Sequence[tuple[str, int]],
    say: Say,
) -> Iterator[EmbeddedServer]:
    """Hold the directory, start PostgreSQL, and stop it in the end."""
    with ExitStack() as stack:
        try:
            account = Account.owner_of(directory.cluster)
            sockets = stack.enter_context(_socket_folder(directory, account))
            directory.write_holder(lock, Holder(os.getpid(), started_at(os.getpid()), command, str(sockets)))
            stack.callback(directory.write_holder, lock, None)
            if not directory.cluster.exists():
                say(f"Making a PostgreSQL data directory in {directory.path}")
                make_cluster(directory, account, durable=overrides.get("fsync") != "off")
            _forget_dead_postmaster(directory)
            if archive is not None:
                archive.prepare(account)
                overrides = {**archive.settings, **overrides}
                reach = [*reach, *archive.needed]
            # Root may look into a running server: it can read the files anyway.
            clients = {account_name(uid) for uid in (0, os.geteuid(), directory.path.stat().st_uid)}
            write_configuration(directory.cluster, sockets, clients, overrides)
            postmaster = Postmaster.start(directory, account, lock, reach)
            stack.callback(postmaster.stop)
            postmaster.await_ready(say)
        except OSError as error:
            raise cannot_use(directory.path, error) from error
        yield EmbeddedServer(directory, sockets, postmaster)


@contextmanager
def _socket_folder(directory: DataDirectory, account: Account) -> Iterator[Path]:
    """A folder that only the server's user enters, or a temporary one where that does not do."""
    folder = directory.path / "run"
    too_long = len(os.fsencode(folder / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT
    temporary = too_long or "," in str(folder) or '"' in str(folder)  # both have a meaning in the setting
    if temporary:
        folder = Path(tempfile.mkdtemp(prefix="ccgraph-"))
    else:
        folder.mkdir(mode=0o700, exist_ok=True)
    account.give(folder)
    try:
        yield folder
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)


def _forget_dead_postmaster(directory: DataDirectory) -> None:
    """Remove a stale postmaster.pid, whose number may be another process's by now.

    We hold the lock, which every PostgreSQL process that ccgraph starts holds too; so it can only be alive
    if another process started it.
    """
    alive = postgres_processes(directory.cluster)
    if alive:
        raise StartupError(
            f"PostgreSQL already runs on {directory.cluster} (process {min(alive)}), started by something "
            f"other than ccgraph: stop it with `kill -INT {min(alive)}`, or set DATABASE_URL to use it."
        )
    (directory.cluster / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def _without_guests(directory: DataDirectory, say: Say) -> Iterator[None]:
    """Wait until no other command uses our PostgreSQL, and let none in while the block lasts."""
    with directory.locked(directory.guests, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
        if free is not None:
            yield
            return
    say("Waiting for another ccgraph command that uses this PostgreSQL")
    with directory.locked(directory.guests, fcntl.LOCK_EX):
        yield


def _await_ready(directory: DataDirectory, holder: Holder) -> bool:
    """Wait until the holder's PostgreSQL takes connections; False when the holder is gone before."""
    while directory.holder() == holder and holder.alive:
        if ready_postmaster(directory.cluster) is not None:
            return True
        time.sleep(POLL)
    return False


def _await_orphan(directory: DataDirectory) -> None:
    """Return when the directory is free or has a living holder.

    The holder was killed: its PostgreSQL got SIGINT from the kernel and should be stopping; else it is told.
    """
    if _free_within(directory, ORPHAN_TIMEOUT):
        return
    orphan = ready_postmaster(directory.cluster)
    if orphan is not None:
        os.kill(orphan, signal.SIGINT)
        if _free_within(directory, STOP_TIMEOUT):
            return
    raise StartupError(
        f"{directory.path} is in use by "
        + (f"PostgreSQL (process {orphan})" if orphan else "a process of another container or machine")
        + ", which does not end: stop it, or set CCGRAPH_DATA_DIR to another folder."
    )


def _free_within(directory: DataDirectory, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with directory.locked(directory.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
            if lock is not None:
                return True
        holder = directory.holder()
        if holder is not None and holder.alive:
            return True
        time.sleep(POLL)
    return False
