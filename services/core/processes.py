"""Reads /proc about a process."""

from pathlib import Path


def stat_fields(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third (state) on; empty when there is none.

    The second, the name, may contain blanks.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
