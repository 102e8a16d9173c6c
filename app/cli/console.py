"""Where commands write: results to the standard output, everything else beside it."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

results = Console()
problems = Console(stderr=True)


def say(message: str) -> None:
    """Tell what is going on, without getting into the way of what a script reads."""
    problems.print(message, markup=False, highlight=False, soft_wrap=True)


def progress_bars() -> Progress:
    """Bars for long work: what, how far, how many, how long. Invisible where nobody looks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=problems,
        disable=not problems.is_terminal,
    )
