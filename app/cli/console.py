"""Output of commands: results to the standard output, everything else beside it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

results = Console()
problems = Console(stderr=True)


def say(message: str) -> None:
    """Tell what is going on, without getting into the way of what a script reads."""
    problems.print(message, markup=False, highlight=False, soft_wrap=True)


def progress_bars() -> Progress:
    """Bars for long work: what, how far, how many, how long. Invisible where no terminal shows them."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=problems,
        disable=not problems.is_terminal,
    )


class Steps:
    """Bars for work in steps, one for each step that it tells of."""

    def __init__(self) -> None:
        self._bars = progress_bars()
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def told(self, step: str, done: int, whole: int) -> None:
        """Show how far a step is."""
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step)
        self._bars.update(self._tasks[step], completed=done, total=whole)


@contextmanager
def ending_well() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it tidies up."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
