"""What the start of a server tells: the dashboard's address first, with the demo's login in it."""

from urllib.parse import parse_qs, urlsplit

from app.cli.welcome import DemoLogin, welcome


def first_line(text: str) -> list[str]:
    """The words of the first line that is not empty."""
    return next(line.split() for line in text.splitlines() if line.strip())


def test_the_dashboard_comes_first_and_brings_the_login_behind_the_hash() -> None:
    name, address = first_line(welcome("http://127.0.0.1:8000", DemoLogin("token", "a&b #c")))

    parts = urlsplit(address)
    assert (name, parts.path, parts.query) == ("dashboard", "/", "")
    assert parse_qs(parts.fragment) == {"username": ["demo"], "password": ["a&b #c"]}


def test_without_a_password_that_is_known_the_address_has_none() -> None:
    for login in (None, DemoLogin("token", None)):
        assert first_line(welcome("http://x", login)) == ["dashboard", "http://x/"]


def test_without_a_dashboard_the_api_comes_first() -> None:
    assert first_line(welcome("http://x", None, dashboard=False))[:2] == ["ccgraph", "serves"]
