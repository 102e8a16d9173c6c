"""A person's subscriptions are counted over all connections, and given back once each."""

import pytest

from services.accounts.subscription_quota import Allowance
from services.core.errors import QuotaExceeded


def test_one_more_than_allowed_is_refused_until_one_is_given_back() -> None:
    allowance = Allowance(2)
    give_back = allowance.take(1)
    allowance.take(1)
    with pytest.raises(QuotaExceeded, match="2 subscriptions open"):
        allowance.take(1)
    allowance.take(2)
    give_back()
    allowance.take(1)
    with pytest.raises(QuotaExceeded):
        allowance.take(1)
