"""`ccgraph import-transcripts`: sends transcripts from wherever they lie."""

import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from app.connect.client import Client
from app.connect.following import Transcripts, is_meta
from app.connect.sending import Refused, Sent, TranscriptSender

_AT_ONCE: Final = 16
_LONGEST_WAIT: Final = 120.0
_SHORTEST_WAIT: Final = 1.0


def import_all(
    client: Client,
    path: Path,
    told: Callable[[int, int], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send a transcript, or all below a folder. `told` hears of bytes done, of all bytes.

    Where the server asks to wait, it waits. Raises: Unreachable; Refused for what waiting does not mend.
    """
    root, only = _place(path)
    transcripts = Transcripts(root)
    transcripts.settled = 0.0
    names = [name for name in transcripts.look() if only is None or _is_of(name, only)]
    total = sum(transcripts.files[name].size for name in names)
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        told(done, total)

    told(0, total)
    sender = TranscriptSender(client, transcripts, count)
    # What stands beside a transcript says whose child it is, so it goes first.
    for name in sorted(names, key=lambda name: (not is_meta(name), name)):
        while _sent(sender, name, sleep):
            pass
    return sender.sent


def _sent(sender: TranscriptSender, name: str, sleep: Callable[[float], None]) -> bool:
    """Send a part of a file; whether there is more."""
    try:
        return sender.send(name, _AT_ONCE)
    except Refused as error:
        if error.answer.status not in (429, 503):
            raise
        sleep(min(error.answer.retry_after or _SHORTEST_WAIT, _LONGEST_WAIT))
        return True


def _place(path: Path) -> tuple[Path, str | None]:
    """The folder that stands for `projects`, and the file or folder in it that is meant (None: all)."""
    path = path.resolve()
    for parent in path.parents:
        if parent.name == "projects":
            return parent, path.relative_to(parent).as_posix()
    if path.is_dir():
        if path.name == "projects" or not any(path.glob("*.jsonl")):
            return path, None
        return path.parent, path.name
    folder = path.parent
    if "subagents" in path.parts:
        folder = Path(*path.parts[: path.parts.index("subagents") - 1])
    return folder.parent, path.relative_to(folder.parent).as_posix()


def _is_of(name: str, wanted: str) -> bool:
    """True if a file is the wanted one, lies in the wanted folder, or belongs to the wanted transcript."""
    beside = str(PurePosixPath(wanted).with_suffix("")) if wanted.endswith(".jsonl") else wanted
    return name == wanted or name.startswith((wanted + "/", beside + "/"))
