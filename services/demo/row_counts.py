"""Numbers of rows by scale: scale 1 is Appendix A of the client document, the rest in proportion."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.core.errors import BadInput

LARGEST_SCALE = 100.0
YEAR = timedelta(days=365)

REFERENCE = datetime(2026, 11, 1, tzinfo=UTC)
"""Where the demo year ends by default; fixed, so that a seed means the same on any day."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Row counts that are decided beforehand; what instances and tasks leave behind follows from them."""

    users: int
    projects: int
    worktrees: int
    sessions: int
    websocket_sessions: int
    file_operations: int
    notification_history: int
    system_logs: int


def figures_for(scale: float) -> Figures:
    """The counts for a scale above 0; small scales keep a handful of users with a few projects each.

    Raises: BadInput for a scale that is not above 0 or is over `LARGEST_SCALE`.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise BadInput(f"Give a scale above 0 and up to {LARGEST_SCALE:g}; 1 is a year of 100 users.")
    users = max(6, round(100 * scale))

    def each(per_user: int, at_least: int) -> int:
        return users * max(at_least, round(per_user * min(1.0, 100 * scale / users)))

    return Figures(
        users=users,
        projects=each(5, at_least=2),
        worktrees=each(20, at_least=4),
        sessions=each(10, at_least=3),
        websocket_sessions=each(10, at_least=2),
        file_operations=round(1_000_000 * scale),
        notification_history=round(100_000 * scale),
        system_logs=round(365_000 * scale),
    )
