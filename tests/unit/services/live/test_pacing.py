"""When a query is read again, on a clock that the test moves."""

from services.live.pacing import Pacing


class Reading:
    """Reads whenever it is due, which takes no time; `at` are the moments."""

    def __init__(self, pacing: Pacing) -> None:
        self.pacing = pacing
        self.now = 0.0
        self.at: list[float] = []
        self.until(0.0)

    def until(self, moment: float) -> None:
        """Let the clock go on to this moment."""
        while (wait := self.pacing.wait(self.now)) is not None and self.now + wait <= moment:
            self.now += wait
            self.at.append(self.now)
            self.pacing.begin()
            self.pacing.end(self.now)
        self.now = moment

    def change(self, moment: float) -> None:
        """Something changes at this moment."""
        self.until(moment)
        self.pacing.touch()
        self.until(moment)


def test_it_is_read_at_the_beginning_and_then_not_without_a_reason() -> None:
    reading = Reading(Pacing(0.5))
    reading.until(1_000)
    assert reading.at == [0]
    assert reading.pacing.wait(1_000) is None


def test_after_a_quiet_time_a_change_is_read_at_once() -> None:
    reading = Reading(Pacing(0.5))
    reading.change(7.25)
    assert reading.at == [0, 7.25]


def test_changes_in_a_row_are_read_once_in_each_pause_and_the_last_one_after_it() -> None:
    reading = Reading(Pacing(0.5))
    for number in range(200):
        reading.change(10 + number * 0.005)
    reading.until(1_000)
    assert reading.at == [0, 10, 10.5, 11.0]


def test_a_change_during_a_reading_is_read_after_it() -> None:
    pacing = Pacing(0.5)
    pacing.begin()
    pacing.touch()
    pacing.end(3.0)
    assert pacing.wait(3.0) == 0.5


def test_the_pause_begins_when_a_reading_ends() -> None:
    pacing = Pacing(0.5)
    pacing.begin()
    pacing.end(9.0)
    pacing.touch()
    assert [pacing.wait(now) for now in (9.0, 9.25, 9.5, 20.0)] == [0.5, 0.25, 0, 0]


def test_with_a_poll_it_is_read_without_a_reason_too() -> None:
    reading = Reading(Pacing(0.5, poll=5))
    reading.change(2)
    reading.until(12)
    assert reading.at == [0, 2, 7, 12]


def test_a_poll_is_no_faster_than_the_pause() -> None:
    reading = Reading(Pacing(100, poll=5))
    reading.until(250)
    assert reading.at == [0, 100, 200]
