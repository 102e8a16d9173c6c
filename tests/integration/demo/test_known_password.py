"""Where others reach the server, no account of the demo has the password that everybody knows."""

import asyncpg
import pytest
import uvloop

from app.cli import serving
from app.cli.welcome import DemoLogin, welcome
from app.config.errors import StartupError
from app.config.settings import Settings
from app.database import Location
from services.accounts.passwords import verify_password
from services.demo import PASSWORD


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("db.example", False),
    ],
)
def test_only_a_loopback_address_is_for_this_machine_alone(
    host: str, settings: Settings, *, alone: bool
) -> None:
    assert settings.model_copy(update={"host": host}).only_this_machine is alone


def at(settings: Settings, host: str) -> Location:
    """The test's database for a server that would listen there."""
    assert settings.database_url is not None
    return Location(settings.model_copy(update={"host": host}), settings.database_url.get_secret_value())


def login(found: Location) -> DemoLogin:
    return uvloop.run(serving._demo_login(found))


def having(found: Location, password: str) -> int:
    """How many accounts have this password."""

    async def count() -> int:
        connection = await asyncpg.connect(found.url)
        rows = await connection.fetch("SELECT hashed_password AS hashed, count(*) FROM users GROUP BY 1")
        await connection.close()
        matching = [row["count"] for row in rows if (await verify_password(row["hashed"], password)).matches]
        return sum(matching)

    return uvloop.run(count())


def test_a_demo_that_others_reach_is_loaded_with_a_password_that_is_told_once(settings: Settings) -> None:
    everywhere = at(settings, "0.0.0.0")
    first = login(everywhere)
    assert first.password not in (None, PASSWORD)
    assert having(everywhere, str(first.password)) > 1
    assert having(everywhere, PASSWORD) == 0
    assert f"demo / {first.password}" in welcome("http://x", first)
    again = login(everywhere)
    assert again.password is None
    assert "printed when the demo was loaded" in welcome("http://x", again)


def test_a_demo_with_the_known_password_is_refused_or_gets_another_one(settings: Settings) -> None:
    here, everywhere = at(settings, "127.0.0.1"), at(settings, "0.0.0.0")
    assert login(here).password == PASSWORD
    assert login(here).password == PASSWORD
    accounts = having(here, PASSWORD)
    assert accounts > 1
    with pytest.raises(StartupError, match="the password that everybody knows: start once with"):
        uvloop.run(serving._refuse_known_password(everywhere))
    assert having(here, PASSWORD) == accounts
    replaced = login(everywhere)
    assert replaced.password not in (None, PASSWORD)
    assert having(everywhere, str(replaced.password)) == accounts
    uvloop.run(serving._refuse_known_password(everywhere))
    assert login(here).password is None


def test_a_database_without_a_demo_is_served_everywhere(settings: Settings) -> None:
    uvloop.run(serving._refuse_known_password(at(settings, "0.0.0.0")))
