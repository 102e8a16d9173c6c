"""Origins that are none: refused, and no fault of the server."""

import pytest

from app.admission.origins import Origins


@pytest.mark.parametrize(
    "origin",
    [
        b"http://[::1",
        b"http://]",
        b"[",
        b"http://[]",
        b"://",
        b"null",
        b"http://\xff",
        b"http://\xe2\x84\x80/",
        b"\x00",
    ],
)
def test_what_is_no_origin_is_refused(origin: bytes) -> None:
    assert not Origins(["https://dash.example"]).allow({b"origin": origin, b"host": b"ccgraph.test"})


def test_the_own_host_is_allowed() -> None:
    assert Origins().allow({b"origin": b"http://[::1]:8000", b"host": b"[::1]:8000"})


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000"])
def test_on_the_loopback_address_our_own_pages_have_names_of_it(host: str) -> None:
    origins = Origins(only_this_machine=True)
    assert origins.allow({b"origin": f"http://{host}".encode(), b"host": host.encode()})


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"]
)
def test_a_name_that_only_leads_to_the_loopback_address_is_a_foreign_page(host: str) -> None:
    headers = {b"origin": f"http://{host}".encode(), b"host": host.encode()}
    assert not Origins(only_this_machine=True).allow(headers)
    assert Origins().allow(headers)
    assert Origins([f"http://{host}"], only_this_machine=True).allow(headers)


def test_without_an_origin_the_name_does_not_matter() -> None:
    assert Origins(only_this_machine=True).allow({b"host": b"ccgraph.example"})
