"""Maintenance at month ends, on leap days and where clocks are changed: the clock is held at each."""

from calendar import monthrange
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.config.settings import Settings
from services.core.database import Connection, Database
from services.system.partitions import DAYS_AHEAD, MONTHS_AHEAD
from services.system.retention import PARTITIONED
from tests.support.maintaining import maintain

MICROSECOND = timedelta(microseconds=1)
MOMENTS = {
    "last of a year": datetime(2027, 12, 31, 23, 59, 59, 999999, UTC),
    "first of a year": datetime(2028, 1, 1, tzinfo=UTC),
    "31st before a short month": datetime(2027, 1, 31, 23, 30, tzinfo=UTC),
    "leap day": datetime(2028, 2, 29, 12, tzinfo=UTC),
    "end of a leap day": datetime(2028, 2, 29, 23, 59, 59, 999999, UTC),
    "February of a century without one": datetime(2100, 2, 28, 23, 59, 59, 999999, UTC),
    "the next month already in Tokyo": datetime(2027, 4, 30, 20, tzinfo=UTC),
    "still the last month in New York": datetime(2027, 5, 1, 2, tzinfo=UTC),
    "clocks of New York were put forward": datetime(2027, 3, 20, 12, tzinfo=UTC),
    "clocks of New York were put back": datetime(2027, 11, 20, 12, tzinfo=UTC),
}
ZONES = ("Asia/Tokyo", "America/New_York")
"""Of the whole database, as an operator may have set it."""


@pytest.fixture(params=ZONES)
async def plain(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Connection]:
    """A connection in UTC to a database that has another time zone."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE \"{name}\" SET timezone = '{request.param}'")
    yield connection
    await connection.close()


def months_from(at: datetime) -> list[tuple[datetime, datetime]]:
    """The month of a moment and those that are to be there ahead of it, each with its end."""
    found, first = [], at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(MONTHS_AHEAD + 1):
        after = first + timedelta(days=monthrange(first.year, first.month)[1])
        found.append((first, after))
        first = after
    return found


async def bounds(plain: Connection, table: str, since: datetime) -> list[tuple[str, datetime, datetime]]:
    """Name, first moment and end of each partition from a moment on."""
    rows = await plain.fetch(
        "SELECT partition_name, from_at, until_at FROM table_partitions"
        " WHERE table_name = $1 AND from_at >= $2 ORDER BY from_at",
        *(table, since),
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_coming_months_and_days_are_there_in_utc(
    settings: Settings, database: Database, plain: Connection, moment: str
) -> None:
    at = MOMENTS[moment]
    await maintain(settings, database, at)
    months = months_from(at)
    for table in PARTITIONED.keys() - {"change_events"}:
        assert await bounds(plain, table, months[0][0]) == [
            (f"{table}_{first:%Y_%m}", first, after) for first, after in months
        ]
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    assert await bounds(plain, "change_events", today) == [
        (f"change_events_{day:%Y_%m_%d}", day, day + timedelta(days=1)) for day in days
    ]
    for first, after in months:
        for when in (first, after - MICROSECOND):
            place = await plain.fetchval(
                "INSERT INTO cc_logs (log_level, category, message, created_at)"
                " VALUES ('info', 'system', 'x', $1) RETURNING tableoid::regclass::text",
                when,
            )
            assert place == f"cc_logs_{first:%Y_%m}"
    assert (await maintain(settings, database, at))["partitions_ahead"].done == {}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_row_goes_when_it_is_older_than_so_many_days_of_24_hours(
    settings: Settings, database: Database, plain: Connection, moment: str
) -> None:
    at = MOMENTS[moment]
    cutoff = at - timedelta(days=30)
    await maintain(settings, database, at)
    for when in (cutoff - MICROSECOND, cutoff, cutoff + MICROSECOND, at):
        await plain.execute(
            "INSERT INTO cc_logs (log_level, category, message, created_at)"
            " VALUES ('info', 'system', 'x', $1)",
            when,
        )
    done = await maintain(settings, database, at)
    assert done["retention"].done == {"cc_logs": 1}
    assert await plain.fetchval("SELECT min(created_at) FROM cc_logs") == cutoff


@pytest.mark.parametrize(
    "month",
    [datetime(2028, 2, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC)],
)
async def test_a_month_goes_when_its_last_moment_is_past_retention(
    settings: Settings, database: Database, plain: Connection, month: datetime
) -> None:
    await maintain(settings, database, month)
    name = f"cc_logs_{month:%Y_%m}"
    over = month + timedelta(days=monthrange(month.year, month.month)[1] + 30)
    for at, stays in ((over - MICROSECOND, True), (over, False)):
        await maintain(settings, database, at)
        assert (await plain.fetchval("SELECT to_regclass($1) IS NOT NULL", name)) is stays
