"""A receiver that takes nothing is left alone, tried from time to time, and trusted again."""

from models.enums import NotificationService
from services.delivery.breaker import MOST_REMEMBERED, Breakers
from services.delivery.outcomes import Outcome, Verdict
from tests.support.clock import Clock

HERE = (1, NotificationService.SLACK)
SENT, RETRY, FAILED = Outcome(Verdict.SENT), Outcome(Verdict.RETRY), Outcome(Verdict.FAILED)


def attempt(breakers: Breakers, outcome: Outcome | None) -> None:
    breakers.begin(HERE)
    breakers.end(HERE, outcome)


def test_it_opens_after_failures_in_a_row_for_twice_as_long_each_time() -> None:
    clock = Clock(100.0)
    breakers = Breakers(failures=3, first=10, longest=35, places=8, clock=clock)
    for outcome in (RETRY, RETRY, SENT, RETRY, RETRY):
        attempt(breakers, outcome)
    assert not breakers.is_open(HERE)
    waits = []
    attempt(breakers, RETRY)
    for _ in range(4):
        assert breakers.is_open(HERE)
        assert breakers.free()[HERE] == 0
        waits.append(breakers.wait(HERE))
        clock.now += breakers.wait(HERE)
        assert breakers.free()[HERE] == 1  # one message finds out
        attempt(breakers, RETRY)
    assert waits == [10, 20, 35, 35]
    clock.now += 35
    attempt(breakers, SENT)
    assert breakers.free()[HERE] == 8
    for _ in range(3):
        attempt(breakers, RETRY)
    assert breakers.wait(HERE) == 10


def test_a_refusal_shows_that_the_receiver_lives_and_nothing_sent_shows_nothing() -> None:
    breakers = Breakers(failures=2, clock=Clock())
    for outcome in (RETRY, None, FAILED, RETRY, Outcome(Verdict.DEFER)):
        attempt(breakers, outcome)
    assert not breakers.is_open(HERE)
    attempt(breakers, RETRY)
    assert breakers.is_open(HERE)


def test_a_pause_that_is_asked_for_is_kept_and_is_no_failure() -> None:
    clock = Clock()
    breakers = Breakers(failures=1, clock=clock)
    attempt(breakers, Outcome(Verdict.RETRY, 429, pause=4))
    assert (breakers.free()[HERE], breakers.wait(HERE)) == (0, 4)
    assert not breakers.is_open(HERE)
    clock.now += 4
    assert breakers.free()[HERE] == 8


def test_what_is_under_way_takes_places() -> None:
    breakers = Breakers(places=2, clock=Clock())
    breakers.begin(HERE)
    assert breakers.free() == {HERE: 1}
    breakers.begin(HERE)
    assert breakers.free() == {HERE: 0}


def test_idle_destinations_are_forgotten() -> None:
    breakers = Breakers(clock=Clock())
    for user in range(2 * MOST_REMEMBERED):
        destination = (user, NotificationService.LINE)
        breakers.begin(destination)
        breakers.end(destination, SENT)
    assert len(breakers.free()) <= MOST_REMEMBERED
