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
