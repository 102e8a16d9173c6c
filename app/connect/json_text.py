"""Edits JSON as text: what is not named stays as it is, byte for byte.

Removing what was inserted gives the text of before, also when something else in it was edited meanwhile.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]
"""Keys of objects and places in arrays, from the outermost inwards."""

_REST: Final = re.compile(r"[^ \t\n\r]|\Z")


class NotJson(ValueError):
    """The text is no JSON; `str()` says where and why."""


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"it holds {name}, which is not JSON")


# Numbers stay texts: they are not read, and their length is bounded by nothing.
_READER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object, or an element of an array: where it begins (its key), and its value."""

    key: Key
    begin: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Container:
    """An object or array: the places of its brackets, and its parts."""

    start: int
    end: int
    is_object: bool
    parts: tuple[Part, ...]

    def part(self, key: Key) -> Part | None:
        """The last part of that key, which is the one that readers of JSON take."""
        return next((part for part in reversed(self.parts) if part.key == key), None)


def parse(text: str) -> Any:
    """The value of a JSON text; numbers are texts. Raises: NotJson."""
    at = _skip(text, 0)
    if at == len(text):
        raise NotJson("it is empty")
    value, end = _value(text, at)
    end = _skip(text, end)
    if end != len(text):
        raise NotJson(f"something follows its end in {_place(text, end)}")
    return value


def value_at(text: str, path: Path) -> Any:
    """The value at a path, or None when there is none."""
    found = _find(text, path)
    return None if found is None else _value(text, found.start)[0]


def has(text: str, path: Path) -> bool:
    """True if there is a value at a path."""
    return _find(text, path) is not None


def inside(text: str, path: Path) -> str:
    """The text between the brackets of the container at a path."""
    found = container_at(text, path)
    return text[found.start + 1 : found.end - 1]


def container_at(text: str, path: Path) -> Container:
    """The object or array at a path. Raises: KeyError when there is none."""
    found = _find(text, path)
    if found is None or text[found.start] not in "{[":
        raise KeyError(path)
    return _container(text, found.start)


def insert(text: str, path: Path, key: str | None, value: Any) -> str:
    """The text with a member `key` (or, for None, an element) at the end of the container at `path`.

    It is written in the manner of what stands beside it.
    """
    found = container_at(text, path)
    head = "" if key is None else json.dumps(key, ensure_ascii=False) + ":"
    newline = "\r\n" if "\r\n" in text else "\n"
    if found.parts:
        last = found.parts[-1]
        indent = _indent_before(text, found.parts[0].begin)
        if indent is None:
            blank = " " if _spaced(text, found) else ""
            return text[: last.end] + "," + blank + _compact(head, value, blank) + text[last.end :]
        written = _pretty(head, value, indent, _unit(text), newline)
        return text[: last.end] + "," + newline + indent + written + text[last.end :]
    if path and _indent_before(text, container_at(text, ()).parts[0].begin) is None:
        return text[: found.start + 1] + _compact(head, value, "") + text[found.end - 1 :]
    unit = _unit(text)
    outer = _line_indent(text, found.start)
    written = _pretty(head, value, outer + unit, unit, newline)
    filled = newline + outer + unit + written + newline + outer
    return text[: found.start + 1] + filled + text[found.end - 1 :]


def remove(text: str, path: Path, left: str = "") -> str:
    """The text without the part at `path`. `left` stands between the brackets when nothing else does."""
    *outer, key = path
    found = container_at(text, tuple(outer))
    part = found.part(key)
    if part is None:
        raise KeyError(path)
    at = found.parts.index(part)
    if len(found.parts) == 1:
        return text[: found.start + 1] + left + text[found.end - 1 :]
    if at == len(found.parts) - 1:
        return text[: found.parts[at - 1].end] + text[part.end :]
    return text[: part.begin] + text[found.parts[at + 1].begin :]


def replace(text: str, path: Path, value: Any) -> str:
    """The text with another value at `path`, written on one line."""
    return put(text, path, json.dumps(value, ensure_ascii=False))


def text_at(text: str, path: Path) -> str:
    """The value at `path` as it is written. Raises: KeyError when there is none."""
    found = _find(text, path)
    if found is None:
        raise KeyError(path)
    return text[found.start : found.end]


def put(text: str, path: Path, written: str) -> str:
    """The text with another value at `path`, given as it is to be written. Raises: KeyError as `text_at`."""
    found = _find(text, path)
    if found is None:
        raise KeyError(path)
    return text[: found.start] + written + text[found.end :]


def _find(text: str, path: Path) -> Part | None:
    start = _skip(text, 0)
    found: Part | None = Part("", start, start, _value(text, start)[1])
    for key in path:
        if found is None or text[found.start] not in "{[":
            return None
        found = _container(text, found.start).part(key)
    return found


def _container(text: str, start: int) -> Container:
    parts = tuple(_parts(text, start))
    end = _skip(text, parts[-1].end if parts else start + 1) + 1
    return Container(start, end, text[start] == "{", parts)


def _parts(text: str, start: int) -> Iterator[Part]:
    """The parts of a container in a text that was parsed before."""
    at = _skip(text, start + 1)
    number = 0
    while text[at] not in "}]":
        begin = at
        key: Key = number
        if text[start] == "{":
            key, at = _value(text, at)
            at = _skip(text, _skip(text, at) + 1)
        end = _value(text, at)[1]
        yield Part(key, begin, at, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
        number += 1


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _READER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg.lower()} in {_place(text, error.pos)}") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None


def _skip(text: str, at: int) -> int:
    found = _REST.search(text, at)
    return len(text) if found is None else found.start()


def _place(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _indent_before(text: str, at: int) -> str | None:
    """The indent of the line, if `at` is its first character that is not blank; else None."""
    before = text[:at]
    indent = before[len(before.rstrip(" \t")) :]
    return indent if before[: len(before) - len(indent)].endswith(("\n", "\r")) else None


def _line_indent(text: str, at: int) -> str:
    line = text[max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """The indent of one level: that of the first member, or two blanks where there is none."""
    outermost = container_at(text, ())
    if outermost.parts:
        indent = _indent_before(text, outermost.parts[0].begin)
        base = _line_indent(text, outermost.start)
        if indent and indent != base and indent.startswith(base):
            return indent[len(base) :]
    return "  "


def _spaced(text: str, found: Container) -> bool:
    """True if a blank follows the commas of a container on one line."""
    first = found.parts[0]
    if len(found.parts) > 1:
        return text[found.parts[1].begin - 1] == " "
    return found.is_object and text[first.start - 1] == " "


def _compact(head: str, value: Any, blank: str) -> str:
    separators = ("," + blank, ":" + blank)
    return (head + blank if head else "") + json.dumps(value, ensure_ascii=False, separators=separators)


def _pretty(head: str, value: Any, indent: str, unit: str, newline: str) -> str:
    written = json.dumps(value, ensure_ascii=False, indent=unit)
    return (head + " " if head else "") + written.replace("\n", newline + indent)
