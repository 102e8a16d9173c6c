"""Sizes of batches: so much of a long change in one transaction that others never wait long for its locks."""

from dataclasses import dataclass
from typing import Final

LONGEST_SECONDS: Final = 0.9
"""How long a batch may take, and so hold its locks; one that takes longer is undone and made smaller."""
WANTED_SECONDS: Final = 0.1
"""How long a batch is to take."""
LOCK_WAIT: Final = "500ms"
"""How long a statement waits for a lock; statements that come after it wait as long."""
MOST_FAILURES: Final = 4
"""So often the smallest batch may take too long, one after the other, until the change is given up."""


@dataclass(slots=True)
class Sizes:
    """The size of batches: it grows and shrinks until one takes about `WANTED_SECONDS`."""

    size: int
    most: int

    def adapt(self, took: float) -> None:
        """Learn from a batch that took so many seconds."""
        factor = WANTED_SECONDS / max(took, 0.001)
        self.size = max(1, min(self.most, int(self.size * min(2.0, max(0.5, factor)))))

    def shrink(self) -> bool:
        """Make the next batch much smaller; False where it cannot be."""
        smaller = max(1, self.size // 8)
        changed, self.size = smaller < self.size, smaller
        return changed
