"""Reads values of JSON that other programs wrote: what is not as expected is absent, and nothing raises."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.core.timestamps import EARLIEST, read_moment
from services.mcp.tool_uses import storable

LONGEST_TEXT: Final = 10_000
"""Characters of a text that goes into a row; the raw record keeps all of it."""

LARGEST_PAYLOAD: Final = 30_000
"""Characters of all texts of one input, result or entry of a log."""

LONGEST_LINE: Final = 200
"""Characters of a name, or of a few words that say what something is about."""

_MOST_ITEMS: Final = 500
_DEEPEST: Final = 40
_LARGEST_NUMBER: Final = 2**63
_LONGEST_DURATION: Final = 2**31 - 1
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_UNREAD: Final = re.compile(r"[\0\ud800-\udfff]")
_BULKY: Final = frozenset(["originalFile", "originalFileContents", "structuredPatch", "gitDiff", "base64"])
"""Members of results that repeat, in full, files which stand in the repository."""

Object = Mapping[str, Any]

UNREADABLE: Final = (TypeError, ValueError, AttributeError, KeyError, RecursionError, OverflowError)
"""What a reader may raise for content that no one has foreseen: then the record counts as unreadable."""


def text(value: object, *path: str) -> str | None:
    """The text at `path` in an object; None for another value, or an empty text."""
    found = at(value, *path)
    return found if isinstance(found, str) and found else None


def at(value: object, *path: str) -> object:
    """The value at `path` in an object; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def mapping(value: object, *path: str) -> Object:
    """The object at `path`, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: object, *path: str) -> list[Any]:
    """The list at `path`, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def objects(value: object, *path: str) -> Iterator[Object]:
    """The objects in the list at `path`."""
    return (item for item in items(value, *path) if isinstance(item, Mapping))


def whole(value: object) -> int | None:
    """A whole number that is not negative, also of a text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if "." in value or "e" in value.lower() else int(value[:40])
        except ValueError:
            return None
    if isinstance(value, float):
        value = round(value) if math.isfinite(value) else None
    return value if isinstance(value, int) and 0 <= value < _LARGEST_NUMBER else None


def milliseconds(value: object) -> int | None:
    """A duration, not longer than a column holds."""
    found = whole(value)
    return None if found is None else min(found, _LONGEST_DURATION)


def number(value: object) -> float | None:
    """A number that is not negative, also of a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def flag(value: object) -> bool | None:
    """True or false, also of a text."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def moment(value: object) -> datetime | None:
    """A time: of a text as RFC 3339 has it, or of milliseconds since 1970."""
    if isinstance(value, str):
        found = read_moment(value)
    else:
        since = number(value)
        found = None if since is None else _since(since / 1000)
    return found if found is not None and EARLIEST < found < _LATEST else None


def nanoseconds(value: object) -> datetime | None:
    """A time as OTLP writes it: nanoseconds since 1970, mostly as a text."""
    count = whole(value)
    return None if not count else _since(count / 1_000_000_000)


def _since(seconds: float) -> datetime | None:
    try:
        found = EARLIEST + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return found if EARLIEST < found < _LATEST else None


def line(value: object, longest: int = LONGEST_LINE) -> str | None:
    """A text in one line, cut where it is long; None for anything else."""
    if not isinstance(value, str):
        return None
    joined = " ".join(storable(value[: longest * 4]).split())
    return f"{joined[: longest - 1]}…" if len(joined) > longest else joined or None


def clean(value: str) -> str:
    """A text without what PostgreSQL cannot hold."""
    return storable(value) if _UNREAD.search(value) else value


def cut(value: str, longest: int = LONGEST_TEXT) -> str:
    """A text that can be stored, cut between words where it is long, so that no half of a secret is left."""
    shown = storable(value[: longest + 1]) if _UNREAD.search(value, 0, longest + 1) else value[: longest + 1]
    if len(value) <= longest:
        return shown
    kept = shown[:longest]
    end = max(kept.rfind(" "), kept.rfind("\n"), kept.rfind('"'))
    kept = kept[: end + 1] if end > longest // 2 else kept[: longest // 2]
    return f"{kept}… [{len(value) - len(kept):,} characters left out]"


def payload(value: object) -> Any:
    """A JSON value that can be stored: long texts are cut, images and copies of whole files are left out."""
    return _Payload().of(value, 0)


class _Payload:
    """One payload, with what is left of its length."""

    def __init__(self) -> None:
        self.left = LARGEST_PAYLOAD

    def of(self, value: object, depth: int) -> Any:
        if isinstance(value, str):
            shown = cut(value, min(LONGEST_TEXT, max(self.left, LONGEST_LINE)))
            self.left -= len(shown)
            return shown
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            if isinstance(value, int):
                return value if abs(value) < _LARGEST_NUMBER else str(value)[:LONGEST_LINE]
            return value if math.isfinite(value) else str(value)
        if depth >= _DEEPEST:
            return "[nested too deeply]"
        if isinstance(value, Mapping):
            return self._object(value, depth)
        if isinstance(value, list):
            shown_items = [self.of(item, depth + 1) for item in value[:_MOST_ITEMS] if self.left > 0]
            if left_out := len(value) - len(shown_items):
                shown_items.append(f"[{left_out:,} items left out]")
            return shown_items
        return str(value)[:LONGEST_LINE]

    def _object(self, value: Object, depth: int) -> dict[str, Any]:
        is_binary = value.get("type") in ("base64", "image") or "media_type" in value
        shown: dict[str, Any] = {}
        for name, item in list(value.items())[:_MOST_ITEMS]:
            if name in _BULKY or (is_binary and name == "data" and isinstance(item, str)):
                continue
            if self.left <= 0:
                shown["left_out"] = True
                break
            self.left -= len(name)
            shown[storable(name[:LONGEST_LINE])] = self.of(item, depth + 1)
        return shown


def plain_text(content: object) -> str | None:
    """The texts of a message's content, which is a text or a list of blocks."""
    if isinstance(content, str):
        return content or None
    if not isinstance(content, list):
        return None
    texts = [
        block if isinstance(block, str) else block.get("text")
        for block in content
        if isinstance(block, str) or (isinstance(block, Mapping) and block.get("type", "text") == "text")
    ]
    return "\n".join(part for part in texts if isinstance(part, str) and part) or None
