"""The time of a live demo: scripts go on one at a time, in the order of their times."""

import asyncio
import time

import pytest

from services.demo.live.timeline import Timeline


def held() -> Timeline:
    return Timeline(held=True)


async def test_scripts_go_on_in_the_order_of_their_times_without_waiting_for_a_clock_that_is_held() -> None:
    seen: list[tuple[float, str]] = []
    timeline = held()

    async def script(name: str, every: float) -> None:
        for _ in range(3):
            seen.append((timeline.now, name))
            await timeline.pause(every)

    begun = time.monotonic()
    timeline.begin(script("a", 1_000))
    timeline.begin(script("b", 400), after=500)
    await timeline.run()

    assert seen == [(0, "a"), (500, "b"), (900, "b"), (1_000, "a"), (1_300, "b"), (2_000, "a")]
    assert time.monotonic() - begun < 60


async def test_only_one_script_works_at_a_time() -> None:
    timeline = held()
    at_work = 0

    async def script() -> None:
        nonlocal at_work
        for _ in range(5):
            at_work += 1
            assert at_work == 1
            await asyncio.sleep(0.001)  # as a database takes its time
            at_work -= 1
            await timeline.pause(1)

    for _ in range(4):
        timeline.begin(script())
    await timeline.run()

    assert timeline.now == 5


async def test_it_ends_at_a_time_and_ends_its_scripts() -> None:
    timeline = held()
    ended: list[float] = []

    async def script() -> None:
        try:
            for _ in range(1_000):
                await timeline.pause(10)
        finally:
            ended.append(timeline.now)

    timeline.begin(script())
    timeline.begin(script(), after=50_000)  # which never begins
    await timeline.run(until=95)

    assert ended == [90]


async def test_what_a_script_raises_ends_the_others() -> None:
    timeline = held()
    ended: list[str] = []

    async def failing() -> None:
        await timeline.pause(5)
        raise RuntimeError("this one")

    async def other() -> None:
        try:
            for _ in range(1_000):
                await timeline.pause(2)
        finally:
            ended.append("other")

    timeline.begin(failing())
    timeline.begin(other())
    with pytest.raises(RuntimeError, match="this one"):
        await timeline.run()

    assert ended == ["other"]


async def test_what_is_answered_from_outside_goes_on_at_once() -> None:
    timeline = Timeline()  # an hour of it is an hour
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, answer.set_result, "yes")
    seen: list[bool] = []

    async def script() -> None:
        seen.append(await timeline.answered(answer, 3_600))

    timeline.begin(script())
    async with asyncio.timeout(60):
        await timeline.run()

    assert seen == [True]


async def test_what_is_not_answered_goes_on_when_its_time_is_over() -> None:
    timeline = held()
    seen: list[bool] = []

    async def script() -> None:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        seen.append(await timeline.answered(never, 30))
        never.set_result("too late")
        await timeline.pause(1)

    timeline.begin(script())
    await timeline.run()

    assert seen == [False]
    assert timeline.now == 31


async def test_speed_is_how_much_of_its_time_passes_in_a_second() -> None:
    timeline = Timeline(speed=1_000)

    async def script() -> None:
        await timeline.pause(200)

    timeline.begin(script())
    begun = time.monotonic()
    await timeline.run()

    assert time.monotonic() - begun >= 0.2
