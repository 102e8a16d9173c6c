"""`ccgraph serve`."""

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import FrameType

import structlog

from app.cli.accounts import ORIGIN
from app.cli.console import say
from app.cli.data import Year, demo_password, load_demo
from app.cli.opening import run
from app.cli.welcome import DemoLogin, welcome
from app.config.errors import StartupError
from app.config.settings import load_settings
from app.config.telemetry import configure_logging, people_read
from app.connect.local import written_down
from app.database import Location, located
from app.database.pools import open_database
from app.database.revisions import migrate, require_current
from app.main import create_app
from app.serving import Server
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.errors import NotFound
from services.demo import ADMINISTRATOR, DEMO_USER, known_hashes, replace_known_password
from services.demo.live import NotTheDemo, Pacing, require_demo

DEMO_SCALE, DEMO_SEED = 0.001, 1
DEMO_TOKEN_LIFETIME = timedelta(days=1)

_NEW_OBJECTS = 10_000
"""Containers after which the youngest are looked through; Python's 700 are less than one call brings."""
_YOUNGER = 1
"""Such times until those that stayed are looked through again; Python's 10 would be a stall of 50 ms."""

log = structlog.get_logger("ccgraph")


def serve(
    host: str | None,
    port: int | None,
    *,
    demo: bool,
    migrate_first: bool,
    worker: bool | None = None,
    live: Pacing | None = None,
) -> None:
    """Serve until a signal comes; `host`, `port` and `worker` go before the settings.

    With `live` the demo is played meanwhile; one that cannot be is served as it stands, which is told.
    """
    wanted = {"host": host, "port": port, "worker": worker}
    given = {name: value for name, value in wanted.items() if value is not None}
    settings = load_settings().model_copy(update=given)
    configure_logging(settings)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    with located(settings, command="ccgraph serve", alone=True, say=say) as found:
        found.settings.signing_key()
        run(migrate(found.url, say) if found.embedded or migrate_first else require_current(found.url))
        login = run(_demo_login(found)) if demo else None
        if not demo and not found.settings.only_this_machine:
            run(_refuse_known_password(found))
        if live is not None and not run(_can_be_played(found)):
            live = None
        server = Server(create_app(found.settings, live), found.settings)
        server.announce = lambda url: serves.enter_context(_announced(found, url, login))
        if found.embedded is not None and found.embedded.postmaster is not None:
            found.embedded.postmaster.when_it_dies(server.stop_for_lack_of_database)
        with ExitStack() as serves:
            server.run_until_stopped()


@contextmanager
def _announced(found: Location, url: str, login: DemoLogin | None) -> Iterator[None]:
    """Tell people, and commands of this machine for as long as the block lasts, where the server is."""
    _let_the_collector_rest()
    here = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    with written_down(here, found.settings.data_dir if found.embedded is not None else None):
        log.info("serving", url=f"{url}/graphql")
        if people_read(found.settings) or login is not None:
            sys.stdout.write(welcome(url, login, dashboard=found.settings.serves_dashboard))
            sys.stdout.flush()
        yield


def _let_the_collector_rest() -> None:
    """Keep the garbage collector off what lives as long as the process: above all the schema.

    A call that brings thousands of rows would have it look through all of that, which takes longer than the
    call does. What comes later, such as connections, is looked through in short turns: no event waits long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNGER)


async def _demo_login(found: Location) -> DemoLogin:
    """The login of the demo user, whose fleet is loaded when it is not there.

    Where others reach the server no account has the password that everybody knows: those that have it get a
    new one, which is told once.
    """
    settings = found.settings
    password = demo_password(settings)
    policy = TokenPolicy(found.settings.signing_key())

    async def issue() -> str:
        async with open_database(found.settings) as database, database.transaction() as connection:
            issued = await issue_for_username(connection, policy, DEMO_USER, ORIGIN, DEMO_TOKEN_LIFETIME)
        return issued.token

    try:
        token = await issue()
    except NotFound:
        say("Loading a demo fleet")
        await load_demo(found.url, Year.up_to_now(DEMO_SCALE, DEMO_SEED), password)
        return DemoLogin(await issue(), password)
    if settings.only_this_machine:
        async with open_database(settings) as database, database.upkeep() as connection:
            known = bool(await known_hashes(connection))
    else:
        async with open_database(settings) as database, database.transaction() as connection:
            known = await replace_known_password(connection, password)
    return DemoLogin(token, password if known else None)


async def _can_be_played(found: Location) -> bool:
    try:
        async with open_database(found.settings) as database:
            await require_demo(database)
    except NotTheDemo as refusal:
        say(f"The demo stands still. {refusal.message}")
        return False
    return True


async def _refuse_known_password(found: Location) -> None:
    async with open_database(found.settings) as database, database.upkeep() as connection:
        if await known_hashes(connection):
            raise StartupError(
                f"The accounts {ADMINISTRATOR} and {DEMO_USER} of the demo have the password that everybody "
                "knows: start once with `ccgraph serve --demo`, which gives them a new one, or set "
                "CCGRAPH_HOST=127.0.0.1."
            )


def _leave(number: int, frame: FrameType | None) -> None:
    """End by unwinding, so that PostgreSQL is stopped; before uvicorn takes over the signals, and after."""
    raise SystemExit(0)
