"""A snapshot says the same as PostgreSQL would."""

from services.feed.snapshots import Snapshot


def test_a_snapshot_sees_what_had_ended_when_it_was_taken() -> None:
    snapshot = Snapshot(10, 15, (10, 12))
    assert [xid for xid in range(8, 18) if snapshot.sees(xid)] == [8, 9, 11, 13, 14]


def test_a_later_snapshot_includes_an_earlier_one() -> None:
    earlier = Snapshot(10, 15, (10, 12))
    assert Snapshot(12, 20, (12, 17)).includes(earlier)
    assert earlier.includes(earlier)


def test_a_snapshot_of_a_restored_database_does_not_include_one_from_before() -> None:
    earlier = Snapshot(10, 15, (10, 12))
    assert not Snapshot(9, 12, (9,)).includes(earlier)
    assert not Snapshot(10, 16, (10, 11)).includes(earlier)


def test_the_transactions_in_progress_are_in_order() -> None:
    assert Snapshot.of((10, 15, (12, 10))).value == (10, 15, (10, 12))
