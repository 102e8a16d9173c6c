"""Limits the subscriptions that a person has open in one process, over all connections."""

from collections import Counter
from collections.abc import Callable

from services.core.errors import QuotaExceeded


class Allowance:
    """`most` subscriptions for each person."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[int] = Counter()

    def take(self, user_id: int) -> Callable[[], None]:
        """One more for this person; call the result once to give it back. Raises: QuotaExceeded."""
        if self._taken[user_id] >= self._most:
            raise QuotaExceeded(
                f"You have {self._most} subscriptions open, over all your connections to this process; "
                "complete some of them first."
            )
        self._taken[user_id] += 1

        def give_back() -> None:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]

        return give_back
