"""Quiet hours and the pace of summaries, as filter_rules say them."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.enums import NotificationPriority
from services.writing.shapes import QuietHours

SUMMARY_SECONDS = 60
"""At most one message in so many seconds and channel, where a setting asks for summaries."""


def quiet_until(hours: QuietHours | None, priority: NotificationPriority, now: datetime) -> datetime | None:
    """The end of the quiet hours that hold at `now`; None when none do. Urgent messages pass.

    Hours that begin later than they end last over midnight. In a night in which clocks are changed they end
    when the clock on the wall says so.
    """
    if hours is None or priority is NotificationPriority.URGENT:
        return None
    zone = ZoneInfo(hours.timezone)
    local = now.astimezone(zone)
    for day in (local.date() - timedelta(days=1), local.date()):
        begin = _at(day.toordinal(), hours.begin, zone)
        end = _at(day.toordinal() + (hours.end <= hours.begin), hours.end, zone)
        if begin <= now < end:
            return end
    return None


def _at(day: int, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(datetime.fromordinal(day), clock, zone).astimezone(UTC)
