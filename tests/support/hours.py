"""Counts of calls begin anew with the hour."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from services.accounts import rate_limits
from tests.support.clock import Clock

_HOUR = 3600


def hold_the_hour(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let it be half past for all that counts calls: the database, and the process, whose clock it gives."""
    now = time.time() // _HOUR * _HOUR + _HOUR / 2
    shown = f"timestamptz '{datetime.fromtimestamp(now, UTC).isoformat()}'"
    assert "now()" in rate_limits._THIS_HOUR
    monkeypatch.setattr(rate_limits, "_THIS_HOUR", rate_limits._THIS_HOUR.replace("now()", shown))
    clock = Clock(now)
    monkeypatch.setattr(rate_limits, "time", SimpleNamespace(time=clock))
    return clock
