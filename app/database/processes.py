"""What /proc tells about other processes."""

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs (a zombie does not)."""
    state = _stat(pid)
    return bool(state) and state[0] not in ("Z", "X")


def started_at(pid: int) -> str:
    """The start of a process, unique for its number since the machine came up; empty when there is none."""
    fields = _stat(pid)
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


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third (state) on; the second may contain blanks."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
