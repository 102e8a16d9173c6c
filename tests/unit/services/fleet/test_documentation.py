"""docs/fleet.md has the same tables as the code: which source is right, and what follows which event."""

from collections.abc import Iterator
from pathlib import Path

from services.fleet.activities import ACTIVITIES
from services.fleet.precedence import FIELDS

PAGE = Path(__file__).parents[4] / "docs" / "fleet.md"


def precedence() -> Iterator[str]:
    """The lines of the table of sources."""
    for kind, fields in FIELDS.items():
        for name, choice in fields.items():
            yield f"| {kind.value} | `{name}` | {choice.words} |"


def activities() -> Iterator[str]:
    """The lines of the table of activities."""
    for name, rule in ACTIVITIES.items():
        then = "stays as it was" if rule.activity is None else rule.activity.value
        notes = ["the turn failed: the status is ERROR"] if rule.failed else []
        notes += ["not where work runs in the background"] if rule.unless_background else []
        yield f"| {name} | {then} | {'; '.join(notes)} |"


def rows_below(heading: str) -> list[str]:
    """The rows of the first table below a heading, without its head."""
    _, _, rest = PAGE.read_text().partition(f"## {heading}\n")
    table = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return table[2:]


def test_the_page_says_which_source_is_right_about_each_field() -> None:
    assert rows_below("Which source is right") == list(precedence())


def test_the_page_says_what_follows_each_event() -> None:
    assert rows_below("What an instance does now") == list(activities())
