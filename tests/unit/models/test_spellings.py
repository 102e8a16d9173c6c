"""What the standards allow as a spelling of a value, and what only Python would read."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from models.spellings import read_address, read_day, read_moment, read_uuid, read_whole_number

KEY = UUID("01a222f7-4add-761d-a184-4e4825881001")


@pytest.mark.parametrize("text", [str(KEY), str(KEY).upper(), KEY.hex, KEY.hex.upper()])
def test_a_uuid_has_its_hyphens_or_none(text: str) -> None:
    assert read_uuid(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "01a222f7-4add-761d-a184-4e48258810_1", "+1a222f7-4add-761d-a184-4e4825881001"),
        *(" 1a222f7-4add-761d-a184-4e4825881001", "０1a222f7-4add-761d-a184-4e4825881001", f"{KEY}\n"),
        *("01a222f74add-761d-a184-4e48-25881001", f"{KEY.hex}----", f"{{{KEY}}}", f"urn:uuid:{KEY}"),
        *("0x" + KEY.hex[2:], KEY.hex[:-1], KEY.hex + "0", f"{KEY}-"),
    ],
)
def test_what_only_python_takes_for_a_uuid_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be a UUID such as"):
        read_uuid(text)


@pytest.mark.parametrize("number", [0, 7, -7, 10, 2**63 - 1, -(2**63), 10**18])
def test_a_whole_number_reads_as_it_is_written(number: int) -> None:
    assert read_whole_number(str(number)) == number


@pytest.mark.parametrize(
    "text", ["", "+1", "01", "-0", "-01", "１２", "1_0", " 1", "1 ", "1.0", "1e3", "0x1", "9" * 21]
)
def test_a_whole_number_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        read_whole_number(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T21:00:00+09:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00-00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_rfc_3339_has_it(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment
    assert read_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("2026-W05-1T00:00:00Z", "20260101T000000Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00"),
        *("2026-01-01T00:00:00+01:00:30", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01", "2026-01-01"),
        *("2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00Z", "2026-01-01T24:00:00Z"),
        *(
            "２026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z\0",
            "2026-01-01T00:00:00Z\n",
            "2026-02-30T00:00:00Z",
        ),
        *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2016-12-30T23:59:60Z", "infinity", ""),
        *("2016-12-31T22:59:60Z", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_time_in_another_form_or_out_of_range_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time with an offset"):
        read_moment(text)


def test_a_day_is_read_in_one_form() -> None:
    assert read_day("2026-01-31") == date(2026, 1, 31)
    for text in ("20260131", "2026-W05-6", "2026-02-30", "０026-01-31", "2026-01-31T00:00:00Z", ""):
        with pytest.raises(ValueError, match="must be a day"):
            read_day(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.1", "192.0.2.1/32"), ("192.0.2.0/24", "192.0.2.0/24"), ("2001:DB8::1", "2001:db8::1/128")],
)
def test_an_address_or_a_network_is_read(text: str, address: str) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "fe80::1%eth0", "fe80::1%eth0/64", "127.", "192.0.2.1/33", "192.0.2.１", "::1\0"]
)
def test_what_inet_does_not_hold_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="must be an IP address without a zone"):
        read_address(text)
