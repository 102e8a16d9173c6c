"""Hypothesis in asynchronous tests: it draws in a thread of its own and asks in the loop of the test."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis.strategies import DataObject, data

Answer = TypeVar("Answer")


def examples(usual: int) -> int:
    """The number of examples to draw: `usual`, or the number in the variable EXAMPLES."""
    return int(os.environ.get("EXAMPLES", usual))


class Loop:
    """The loop of the test, as the drawing thread sees it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def wait(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Run it in the loop and wait for its answer."""
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()


async def drive(check: Callable[[DataObject, Loop], None], draws: int) -> None:
    """Run the check for so many draws; a failure comes with the draw's notes and with how to repeat it."""
    loop = Loop()

    @settings(max_examples=draws)
    @given(draw=data())
    def run(draw: DataObject) -> None:
        check(draw, loop)

    await asyncio.to_thread(run)
