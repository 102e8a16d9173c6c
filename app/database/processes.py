"""Reads /proc about other processes."""

from pathlib import Path

from services.core.processes import stat_fields


def is_alive(pid: int) -> bool:
    """True if a process of that number runs (a zombie does not)."""
    state = stat_fields(pid)
    return bool(state) and state[0] not in ("Z", "X")


def started_at(pid: int) -> str:
    """The start of a process, unique for its number since the machine came up; empty when there is none."""
    fields = stat_fields(pid)
    if not fields:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{fields[19]}"


def postgres_processes(cluster: Path) -> list[int]:
    """The PostgreSQL processes, postmaster and children alike, that work on a cluster."""
    wanted = cluster.resolve()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # Each of them makes the cluster its working directory.
                if (entry / "cwd").readlink() == wanted and (entry / "comm").read_text() == "postgres\n":
                    found.append(int(entry.name))
            except OSError:  # it ended, or is another user's
                continue
    return found
