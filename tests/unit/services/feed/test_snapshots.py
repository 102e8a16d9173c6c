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


def test_the_last_transactions_in_progress_are_left_to_the_future() -> None:
    assert Snapshot.of((12, 15, (12, 14)), 3) == Snapshot(12, 14, (12,), 3)
    assert Snapshot.of((13, 15, (14, 13))) == Snapshot(13, 13)


def test_after_a_crash_it_sees_nothing_of_the_ids_that_began_again() -> None:
    snapshot = Snapshot(10, 18, (10, 12, 16), 1)
    carried = snapshot.carried_over(2, 15)
    assert carried == Snapshot(10, 15, (10, 12), 2)
    assert [xid for xid in range(8, 18) if carried.sees(xid)] == [8, 9, 11, 13, 14]
    assert snapshot.carried_over(2, 9) == Snapshot(9, 9, (), 2)
    assert snapshot.carried_over(2, 40) == Snapshot(10, 18, (10, 12, 16), 2)


def test_only_what_was_taken_since_a_start_includes_what_was_taken_before() -> None:
    before, since = Snapshot(10, 18, (), 1), Snapshot(12, 12, (), 2)
    assert since.includes(before)
    assert not before.includes(since)
