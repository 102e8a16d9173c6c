"""Quiet hours by the clock on the wall, over midnight and when clocks are changed."""

from datetime import UTC, datetime, time

import pytest

from models.enums import NotificationPriority
from services.delivery.filtering import quiet_until
from services.writing.shapes import QuietHours

NIGHT = QuietHours(time(22), time(7), "Europe/Berlin")
LUNCH = QuietHours(time(12), time(13, 30), "UTC")


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-11-28T20:59:59", None),
        (NIGHT, "2026-11-28T21:00:00", "2026-11-29T06:00:00"),
        (NIGHT, "2026-11-29T05:59:59", "2026-11-29T06:00:00"),
        (NIGHT, "2026-11-29T06:00:00", None),
        (LUNCH, "2026-11-28T12:10:00", "2026-11-28T13:30:00"),
        (LUNCH, "2026-11-28T13:30:00", None),
        # Clocks go forward at 01:00 UTC on 29 March 2026, and back at 01:00 UTC on 25 October.
        (NIGHT, "2026-03-28T22:00:00", "2026-03-29T05:00:00"),
        (NIGHT, "2026-10-24T22:00:00", "2026-10-25T06:00:00"),
        (NIGHT, "2026-12-31T23:30:00", "2027-01-01T06:00:00"),
    ],
)
def test_quiet_hours_end_when_the_clock_says_so(hours: QuietHours, now: str, until: str | None) -> None:
    found = quiet_until(hours, NotificationPriority.HIGH, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC))


def test_urgent_messages_pass() -> None:
    assert quiet_until(LUNCH, NotificationPriority.URGENT, datetime(2026, 1, 1, 12, 30, tzinfo=UTC)) is None


def test_without_quiet_hours_nothing_waits() -> None:
    assert quiet_until(None, NotificationPriority.LOW, datetime(2026, 1, 1, tzinfo=UTC)) is None
