"""Takes the sensitive parts out of a JSON value, and puts them back."""

from collections.abc import Iterable, Iterator
from typing import Any

from services.secrets.masking import mask

Path = tuple[str | int, ...]
"""Names of members and positions in lists, from the outside in."""

Part = tuple[Path, object]
"""Where something sensitive stood, and the whole text or number that stood there."""


def without_secrets(value: object) -> tuple[object, list[Part]]:
    """A copy of a JSON value with its secrets masked (decision 27), and what was there instead.

    >>> without_secrets({"env": {"API_KEY": "k1"}})
    ({'env': {'API_KEY': '[masked]'}}, [(('env', 'API_KEY'), 'k1')])
    """
    hidden = mask(value)
    return hidden, parts_of(value, hidden)


def parts_of(value: object, hidden: object) -> list[Part]:
    """The parts of a JSON value at which `hidden`, the same value masked, differs."""
    return list(_differences(value, hidden, ()))


def with_secrets(hidden: object, parts: Iterable[Part]) -> object:
    """The value again; `hidden` itself is changed, or replaced where it is one text."""
    root: Any = [hidden]
    for path, original in parts:
        place = root
        *way, last = (0, *path)
        for step in way:
            place = place[step]
        place[last] = original
    return root[0]


def _differences(value: object, hidden: object, path: Path) -> Iterator[Part]:
    """Masking keeps the shape, so the two values are walked side by side."""
    if isinstance(value, dict) and isinstance(hidden, dict):
        for name, item in value.items():
            yield from _differences(item, hidden[name], (*path, name))
    elif isinstance(value, list) and isinstance(hidden, list):
        for position, (item, masked_item) in enumerate(zip(value, hidden, strict=True)):
            yield from _differences(item, masked_item, (*path, position))
    elif value != hidden:
        yield path, value
