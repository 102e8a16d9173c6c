"""The pace of this machine, so that bounds on the processor's time hold on every one."""

import time
from collections.abc import Callable

_STEPS = 300_000
_USUAL = 0.015
"""Seconds that the steps take on the machine whose seconds the bounds are in."""


def slowness() -> float:
    """The factor by which the processor takes longer than usual now; at least 1."""
    return _compared(time.process_time)


def delay() -> float:
    """The same by the clock on the wall: what neighbours on this machine take counts, too."""
    return _compared(time.perf_counter)


def _compared(clock: Callable[[], float]) -> float:
    begin = clock()
    total = 0
    for step in range(_STEPS):
        total += step
    return max(1.0, (clock() - begin) / _USUAL)
