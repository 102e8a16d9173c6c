"""Conditions that tie a list of rows to the place where it stands."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """`conditions` are SQL for an alias of the listed table.

    `proven` says that they only let through rows that the viewer may see. `ordered_by` is that of the
    relation (see catalog.py).
    """

    conditions: Callable[[str], list[str]]
    proven: bool = False
    ordered_by: frozenset[str] | None = None
