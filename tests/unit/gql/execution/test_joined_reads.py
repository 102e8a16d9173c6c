"""How many reads of a statement go together, by how long they take."""

import pytest

from gql.execution.joined_reads import FIRST_RUNS, LONGER, MOST_JOINED, SLOW, Pace
from gql.planner.joining import JoinedPlan

JOINED = JoinedPlan("SELECT", (0,), None)


def pace(seconds: float, joined: JoinedPlan | None = JOINED) -> Pace:
    """What is known after the first reads, each of so many seconds."""
    made = Pace(joined)
    for _ in range(FIRST_RUNS):
        assert made.most == 1
        made.note(seconds, 1)
    return made


def test_reads_are_joined_once_it_is_known_what_one_takes() -> None:
    known = pace(0.001)
    assert known.seconds == pytest.approx(0.001)
    assert known.most == 2


def test_each_time_that_it_went_well_one_more_is_joined() -> None:
    known = pace(0.001)
    for number in range(2, 20):
        most = known.most
        assert most == min(number, MOST_JOINED)
        known.note(0.001 + LONGER / 2, most)


def test_fewer_than_may_join_say_nothing() -> None:
    known = pace(0.001)
    known.note(0.001, 2)
    known.note(0.001, 2)
    assert known.most == 3


def test_half_as_many_are_joined_when_they_take_long() -> None:
    known = pace(0.001)
    for number in range(2, 8):
        known.note(0.001, number)
    known.note(0.002 + LONGER, 6)
    assert known.most == 3
    known.note(0.002 + LONGER, 2)
    assert known.most == 2


def test_slow_reads_are_by_themselves() -> None:
    assert pace(SLOW * 1.1).most == 1
    known = pace(SLOW * 0.9)
    assert known.most == 2
    for _ in range(FIRST_RUNS * 3):
        known.note(SLOW * 1.1, 1)
    assert known.most == 1


def test_what_cannot_be_joined_is_not() -> None:
    assert pace(0.001, None).most == 1


def test_after_a_failure_each_is_by_itself_for_a_while() -> None:
    known = pace(0.001)
    known.refuse()
    for _ in range(FIRST_RUNS):
        assert known.most == 1
        known.note(0.001, 1)
    assert known.most == 2
