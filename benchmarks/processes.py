"""Reads /proc about a running process."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """Found by its number; gone when it ended."""

    number: int

    @classmethod
    def child(cls, word: str) -> "Process":
        """The child of ours whose command line has this word."""
        for folder in Path("/proc").glob("[0-9]*"):
            found = cls(int(folder.name))
            try:
                if found._statistics()[1] == str(os.getpid()) and word in found._command():
                    return found
            except OSError:  # it ended meanwhile
                continue
        raise RuntimeError(f"no process of ours runs {word}")

    @property
    def memory(self) -> int:
        """Resident set, in bytes."""
        return self._status("VmRSS")

    @property
    def most_memory(self) -> int:
        """The largest that the resident set has been, in bytes."""
        return self._status("VmHWM")

    @property
    def processor_time(self) -> float:
        """Seconds of all its threads, in user and kernel mode."""
        user, system = self._statistics()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def ended_children_time(self) -> float:
        """The same of all its children that have ended."""
        user, system = self._statistics()[13:15]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def _folder(self) -> Path:
        return Path(f"/proc/{self.number}")

    def _statistics(self) -> list[str]:
        """Fields of /proc/N/stat from the third on, the state."""
        return (self._folder / "stat").read_text().rpartition(")")[2].split()

    def _command(self) -> list[str]:
        return (self._folder / "cmdline").read_text().split("\0")

    def _status(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        [size] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
        return int(size) * 1024


def below(word: str) -> list[Process]:
    """The processes below ours, at any depth, whose command line has this word."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            process = Process(int(folder.name))
            parents[process.number] = int(process._statistics()[1])
    found = []
    for number in parents:
        above: int | None = number
        while above is not None and above != os.getpid():
            above = parents.get(above)
        if above is None or number == os.getpid():
            continue
        with suppress(OSError):
            process = Process(number)
            if any(word in part for part in process._command()):
                found.append(process)
    return found
