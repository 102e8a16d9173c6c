"""The configuration files of the embedded PostgreSQL."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

SUPERUSER = "postgres"
OWNER = "ccgraph"
"""The role that owns everything of ours and, not being a superuser, reads no file of the machine."""

DATABASE = "ccgraph"

TUNING: Mapping[str, str] = {
    # client document, 6.2
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "64MB",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "16MB",
    "default_statistics_target": "100",
    "max_connections": "200",
    "work_mem": "4MB",
}
"""What docs/operations.md tells operators to set on a server of their own."""

SURROUNDINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "on",
    "log_directory": "log",
    # Seven files at most, each written anew a week later.
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    # The text of a failed statement may carry what a person typed; the error itself suffices.
    "log_min_error_statement": "panic",
}

HBA = """# Written by ccgraph at each start.
local all all peer map=ccgraph
local replication postgres peer map=ccgraph
"""
"""Who may connect: the kernel vouches for them. `all` databases do not include replication."""


def write_configuration(
    cluster: Path, sockets: Path, clients: Iterable[str], overrides: Mapping[str, str]
) -> None:
    """Write our settings and who may connect.

    `clients` are system users. The kernel vouches for them (`peer`), so that there is no password to lose.
    """
    settings = {**TUNING, **SURROUNDINGS, "unix_socket_directories": str(sockets), **overrides}
    lines = "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
    header = "# Written by ccgraph at each start; your own settings go to the end of postgresql.conf.\n"
    names = "".join(f'ccgraph "{name}" all\n' for name in sorted(clients))
    _replace(cluster / "ccgraph.conf", header + lines)
    _replace(cluster / "pg_hba.conf", HBA)
    _replace(cluster / "pg_ident.conf", "# Written by ccgraph at each start.\n" + names)


def include_configuration(cluster: Path) -> None:
    """Let a new cluster's postgresql.conf read ours."""
    with (cluster / "postgresql.conf").open("a") as file:
        file.write("\ninclude_if_exists = 'ccgraph.conf'\n")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _replace(path: Path, text: str) -> None:
    """Write a file so that a full disk leaves the old one as it was."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    # O_EXCL: the folder may be another user's, who must not lead root's pen elsewhere by a link.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    new.replace(path)
