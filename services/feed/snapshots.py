"""A PostgreSQL snapshot as a value: which transactions had been committed when it was taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

PgSnapshot: TypeAlias = tuple[int, int, tuple[int, ...]]
"""What asyncpg makes of the type pg_snapshot: (xmin, xmax, transactions in progress)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The three parts of `pg_current_snapshot()`, in 64-bit transaction ids that never wrap around.

    Everything below `xmin` had ended, nothing from `xmax` on had, and of those between only the ones in
    `in_progress` (ascending) had not.
    """

    xmin: int
    xmax: int
    in_progress: tuple[int, ...] = ()

    @classmethod
    def of(cls, value: PgSnapshot, unsettled: Iterable[int] = ()) -> "Snapshot":
        """From what asyncpg returns; the transactions in `unsettled` count as in progress.

        Those in progress that began last are left out by an earlier `xmax`: it says the same of what is seen,
        and stays true when a crash takes their ids back.
        """
        xmin, xmax, in_progress = value
        unseen = sorted({*in_progress, *unsettled})
        while unseen and unseen[-1] == xmax - 1:
            xmax = unseen.pop()
        return cls(min(xmin, xmax, *unseen), xmax, tuple(unseen))

    @property
    def value(self) -> PgSnapshot:
        """As asyncpg takes it for a parameter of type pg_snapshot."""
        return (self.xmin, self.xmax, self.in_progress)

    def sees(self, xid: int) -> bool:
        """What `pg_visible_in_snapshot(xid, self)` says."""
        return xid < self.xmax and xid not in self.in_progress

    def includes(self, earlier: "Snapshot") -> bool:
        """True when whatever `earlier` sees, this one sees too; false for one taken on another timeline."""
        return self.xmax >= earlier.xmax and all(not earlier.sees(xid) for xid in self.in_progress)
