"""A look is rarer the longer nothing was found."""

import pytest

from services.core.glances import Glances


class Clock:
    """A clock that is moved by hand; seconds."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_grows_with_the_quiet_time_up_to_the_longest() -> None:
    clock = Clock()
    glances = Glances(0.02, 0.2, clock)
    assert glances.pause() == 0.2
    glances.found()
    pauses = {}
    for quiet in (0, 0.1, 0.8, 1.6, 3600):
        clock.now = 1_000.0 + quiet
        pauses[quiet] = glances.pause()
    assert pauses == pytest.approx({0: 0.02, 0.1: 0.02, 0.8: 0.1, 1.6: 0.2, 3600: 0.2})


def test_it_begins_anew_when_what_was_found_is_forgotten() -> None:
    glances = Glances(0.02, 0.2, Clock())
    glances.found()
    assert glances.pause() == 0.02
    glances.forget()
    assert glances.pause() == 0.2


def test_a_longest_below_the_shortest_holds_for_both() -> None:
    glances = Glances(0.02, 0.005, Clock())
    glances.found()
    assert glances.pause() == 0.005
