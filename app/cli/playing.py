"""`ccgraph demo --live`."""

import asyncio
import signal
from contextlib import suppress

from app.cli.console import say
from app.cli.data import Year, load_demo_and_tell
from app.cli.opening import location, run
from app.config.settings import Settings
from app.config.telemetry import configure_logging
from app.database.pools import open_database
from app.playing import demo_fleet
from services.core.background import Supervisor
from services.demo.live import Pacing, require_demo


def play(year: Year, pacing: Pacing) -> None:
    """Play the demo until a signal comes; an empty database gets it first.

    Raises: NotTheDemo, AlreadyPlayed, BadInput for the speed.
    """
    with location("demo") as found:
        configure_logging(found.settings)
        if run(_is_empty(found.settings)):
            load_demo_and_tell(found, year)
        run(_play(found.settings, pacing))


async def _is_empty(settings: Settings) -> bool:
    async with open_database(settings) as database, database.primary.acquire() as connection:
        return bool(await connection.fetchval("SELECT NOT EXISTS (SELECT FROM users)"))


async def _play(settings: Settings, pacing: Pacing) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    async with open_database(settings) as database:
        await require_demo(database)
        async with demo_fleet(settings, database, Supervisor(), pacing) as fleet:
            say(f"The demo moves at speed {pacing.speed:g}; Ctrl-C ends it.")
            playing = asyncio.ensure_future(fleet.run())
            waiting = asyncio.ensure_future(stopped.wait())
            await asyncio.wait((playing, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if playing.done():
                playing.result()
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
    say("What it began is brought to an end.")
