"""Everything that differs from what was expected, each with a query to paste, told in one failure."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.plain.texts import canonical

SHOWN, LONGEST = int(os.environ.get("SHOWN", "12")), 700
"""So many examples, and characters of each part of one."""


@dataclass(slots=True)
class Differences:
    """The differences from what should be. All of it is told at the end, each with a query to paste."""

    compared: int = 0
    _found: dict[str, list[str]] = field(default_factory=dict)

    def compare(self, place: str, query: str, variables: Any, expected: Any, answer: Any) -> None:
        """Note it when the two are not the same JSON, number by number and digit by digit."""
        one, other = canonical(expected), canonical(answer)
        alike = zip(one, other, strict=False)
        start = max(
            next((at for at, (a, b) in enumerate(alike) if a != b), min(len(one), len(other))) - 60, 0
        )
        detail = f"expected  …{one[start : start + LONGEST]}\n  found     …{other[start : start + LONGEST]}"
        self.check(place, query, variables, one == other, detail)

    def check(self, place: str, query: str, variables: Any, holds: bool, detail: str) -> None:
        """Note it when something does not hold."""
        self.compared += 1
        if not holds:
            asked = f"query     {query[:LONGEST]}\n  variables {canonical(variables)[:LONGEST]}"
            self._found.setdefault(place, []).append(f"  {asked}\n  {detail}")

    def none(self, at_least: int = 1) -> None:
        """Fail if there is any, or if less was compared than that."""
        assert self.compared >= at_least, self.compared
        if self._found:
            examples = [f"{place}\n{told[0]}" for place, told in self._found.items()]
            places = "\n".join(f"{place}: {len(told)} times" for place, told in self._found.items())
            pytest.fail("\n".join([*examples[:SHOWN], places]), pytrace=False)
