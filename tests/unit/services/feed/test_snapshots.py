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


def test_unsettled_transactions_are_not_seen_and_the_last_unseen_ones_are_left_to_the_future() -> None:
    snapshot = Snapshot.of((12, 15, (12, 14)), [9, 13])
    assert snapshot == Snapshot(9, 12, (9,))
    assert [xid for xid in range(8, 16) if snapshot.sees(xid)] == [8, 10, 11]
    assert Snapshot.of((15, 15, ()), [14]) == Snapshot(14, 14)
