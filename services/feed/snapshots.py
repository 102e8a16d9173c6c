"""A PostgreSQL snapshot as a value: which transactions had been committed when it was taken.

A crash gives transaction ids out again. So a snapshot says since which start of the server it holds
(models/server_starts.py), and one from before a start sees nothing of the ids that began again there.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

UNKNOWN_POSITION = 2**63 - 1
"""Of a snapshot of which it is not known how far the log was: behind everything."""

PgSnapshot: TypeAlias = tuple[int, int, tuple[int, ...]]
"""What asyncpg makes of the type pg_snapshot: (xmin, xmax, transactions in progress)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The three parts of `pg_current_snapshot()`, in 64-bit transaction ids that never wrap around.

    Everything below `xmin` had ended, nothing from `xmax` on had, and of those between only the ones in
    `in_progress` (ascending) had not. `start` is the number of the server's start to which the ids belong.
    Whatever had ended stands in the server's log before `position`, in bytes.
    """

    xmin: int
    xmax: int
    in_progress: tuple[int, ...] = ()
    start: int = 0
    position: int = UNKNOWN_POSITION

    @classmethod
    def of(cls, value: PgSnapshot, start: int = 0, position: int = UNKNOWN_POSITION) -> "Snapshot":
        """The snapshot of the value that asyncpg returns.

        Those in progress that began last are left out by an earlier `xmax`, which says the same in fewer
        words.
        """
        xmin, xmax, in_progress = value
        unseen = sorted(in_progress)
        while unseen and unseen[-1] == xmax - 1:
            xmax = unseen.pop()
        return cls(min(xmin, xmax, *unseen), xmax, tuple(unseen), start, position)

    def carried_over(self, start: int, first: int | None, position: int = UNKNOWN_POSITION) -> "Snapshot":
        """The snapshot after the start with this number, whose first transaction id was `first`.

        Below it no id is given out again, and what committed with one was on the disk or is gone. None says
        that the server has kept all that this snapshot sees, and so gives none of these ids out again.
        """
        if first is None:
            return replace(self, start=start)
        xmax = min(self.xmax, first)
        in_progress = tuple(xid for xid in self.in_progress if xid < xmax)
        return Snapshot(min(self.xmin, xmax), xmax, in_progress, start, position)

    @property
    def value(self) -> PgSnapshot:
        """The value that asyncpg takes for a parameter of type pg_snapshot."""
        return (self.xmin, self.xmax, self.in_progress)

    def sees(self, xid: int) -> bool:
        """True if `pg_visible_in_snapshot(xid, self)` is."""
        return xid < self.xmax and xid not in self.in_progress

    def includes(self, earlier: "Snapshot") -> bool:
        """True when whatever `earlier` sees, this one sees too; false for one taken on another timeline.

        One from before the last start of the server sees less than it says.
        """
        if self.start != earlier.start:
            return self.start > earlier.start
        return self.xmax >= earlier.xmax and all(not earlier.sees(xid) for xid in self.in_progress)
