"""How fast this machine is, so that bounds on the processor's time hold on every one."""

import time

_STEPS = 300_000
_USUAL = 0.015
"""Seconds that the steps take on the machine whose seconds the bounds are in."""


def slowness() -> float:
    """How many times longer than usual the processor takes now; at least 1."""
    begin = time.process_time()
    total = 0
    for step in range(_STEPS):
        total += step
    return max(1.0, (time.process_time() - begin) / _USUAL)
