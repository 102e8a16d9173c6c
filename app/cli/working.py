"""`ccgraph worker`."""

import asyncio
import signal
from dataclasses import replace

import structlog
import uvloop

from app.cli.opening import location
from app.config.errors import StartupError
from app.config.settings import Settings
from app.config.telemetry import configure_logging
from app.database.pools import open_database
from app.maintenance import scheduled
from app.worker import deliver, digest_ingested, open_sender
from services.core.background import MOST_DEATHS, WINDOW, Supervisor
from services.feed.wakeup import Wakeup

log = structlog.get_logger("ccgraph")


def work() -> None:
    """Deliver, digest, and run maintenance by schedule, until a signal comes."""
    with location("worker", existing=True) as found:
        configure_logging(found.settings)
        lost = uvloop.run(_work(found.settings))
    if lost is not None:
        raise StartupError(
            f"The side task {lost} died {MOST_DEATHS} times within {WINDOW:.0f} seconds, so the worker has "
            "stopped: start it again, and report what its log says of side_task_died."
        )


async def _work(settings: Settings) -> str | None:
    """Gives the side task that could not be brought back; None after a signal."""
    settings.signing_key()
    worker = settings.model_copy(update={"worker": True})  # whatever CCGRAPH_WORKER says to servers
    stopped = asyncio.Event()
    lost: list[str] = []
    supervisor = Supervisor()

    def give_up(name: str) -> None:
        lost.append(name)
        stopped.set()

    supervisor.when_lost(give_up)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    async with (
        open_database(settings) as database,
        Wakeup(settings.broadcast_url.get_secret_value()).watched_by(supervisor) as wakeup,
        open_sender(settings) as sender,
        deliver(settings, database, sender, wakeup, supervisor),
        scheduled(worker, database, supervisor),
        digest_ingested(settings, replace(database, after_commit=wakeup.notify), wakeup.event(), supervisor),
    ):
        log.info("working")
        await stopped.wait()
    log.info("stopped")
    return lost[0] if lost else None
