"""The data directory: what lies where, whether it is ours, and who holds it."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from app.config.errors import StartupError
from app.database.processes import is_alive, started_at
from app.database.programs import major_version

DUMP_AND_RESTORE = (
    "dump it with the pg_dump of that version and restore the dump into a new CCGRAPH_DATA_DIR "
    "(docs/operations.md shows how); nothing was changed"
)

LOCK: Final = "lock"
"""In a data directory from the first moment on."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The ccgraph process that runs PostgreSQL on a data directory."""

    pid: int
    started: str
    command: str
    sockets: str

    @property
    def alive(self) -> bool:
        """True if this very process still runs; a later one with the same number does not count."""
        return is_alive(self.pid) and started_at(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """`CCGRAPH_DATA_DIR`, made absolute."""

    path: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.path / "postgres"

    @property
    def lock(self) -> Path:
        """Locked as long as PostgreSQL runs on the cluster; also tells a directory of ours from others."""
        return self.path / LOCK

    @property
    def guests(self) -> Path:
        """Locked (shared) by commands that use a PostgreSQL which another command runs."""
        return self.path / "guests.lock"

    @property
    def secret_key(self) -> Path:
        """The signing key that is generated when CCGRAPH_SECRET_KEY is not set."""
        return self.path / "secret_key"

    def prepare(self) -> None:
        """Make the directory, or see that it is ours. Raises: StartupError, with nothing changed."""
        try:
            if not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):  # another command may make it at the same moment
                    # Not secret in itself: root's PostgreSQL runs as another user, who must get through.
                    self.path.mkdir(mode=0o711)
                    self.path.chmod(0o711)
            self._refuse_foreign_content()
            self._refuse_other_version()
        except OSError as error:
            raise cannot_use(self.path, error) from error

    def _refuse_foreign_content(self) -> None:
        if (self.path / "PG_VERSION").exists():
            version = (self.path / "PG_VERSION").read_text().strip()
            raise StartupError(
                f"{self.path} is a data directory of PostgreSQL {version} that ccgraph did not make: "
                "start that server and set DATABASE_URL, or set CCGRAPH_DATA_DIR to a new or empty folder; "
                "nothing was changed."
            )
        # In this order: the lock is the first file that another command makes here meanwhile.
        # Backups of a server of one's own may lie in a folder that no embedded one has used.
        others = (path for path in self.path.iterdir() if path.name != "backups")
        if any(others) and not self.lock.exists():
            raise StartupError(
                f"{self.path} holds files that are not ccgraph's: "
                "set CCGRAPH_DATA_DIR to a new or empty folder; nothing was changed."
            )

    def _refuse_other_version(self) -> None:
        if not self.cluster.exists():
            return
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise StartupError(
                f"{self.cluster} is not a PostgreSQL data directory (PG_VERSION is missing): "
                "restore it from a backup, or set CCGRAPH_DATA_DIR to a new folder; nothing was changed."
            ) from None
        if version != str(major_version()):
            raise StartupError(
                f"{self.cluster} was made by PostgreSQL {version} and this ccgraph runs "
                f"PostgreSQL {major_version()}: {DUMP_AND_RESTORE}."
            )

    def holder(self) -> Holder | None:
        """The last process that wrote itself into the lock file; None where none can be read."""
        try:
            return Holder(**json.loads(self.lock.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # not written yet, or in the middle of it
            return None

    @contextmanager
    def locked(self, path: Path, operation: int) -> Iterator[int | None]:
        """flock(2) on a file of the directory: its descriptor, or None when LOCK_NB found it taken."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_use(self.path, error) from error
        try:
            self.give_to_owner(descriptor)
            try:
                fcntl.flock(descriptor, operation)
            except BlockingIOError:
                taken = True
            else:
                taken = False
            yield None if taken else descriptor
        finally:
            os.close(descriptor)

    def give_to_owner(self, descriptor: int) -> None:
        """Give a file that root has made in another user's data directory to that user."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    @staticmethod
    def write_holder(descriptor: int, holder: Holder | None) -> None:
        """Say in the locked file who holds it; None when no process does any more."""
        os.ftruncate(descriptor, 0)
        if holder is not None:
            os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def cannot_use(path: Path, error: OSError) -> StartupError:
    """The sentence for what the operating system says about a data directory."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return StartupError(
            f"{error.filename or path} cannot be used by this user ({error.strerror}): "
            "run ccgraph as the user that owns it, or set CCGRAPH_DATA_DIR to a folder of your own; "
            "nothing was changed."
        )
    return StartupError(
        f"{error.filename or path} cannot be used ({error.strerror}): "
        "set CCGRAPH_DATA_DIR to a folder on a local disk."
    )


def disk_full(path: Path) -> StartupError:
    """The sentence for a disk without room."""
    return StartupError(
        f"There is no room left on the disk of {path}: free some space and start again, "
        "or set CCGRAPH_DATA_DIR to a folder on another disk; the data is untouched."
    )
