"""Where a request comes from, as tokens and audit rows record it."""

from uuid import uuid4

from app.connections.auth import origin


def test_the_clients_request_id_is_kept() -> None:
    theirs = uuid4()

    assert origin(None, {b"x-request-id": str(theirs).encode()}).request_id == theirs


def test_a_request_id_that_does_not_fit_the_log_is_replaced() -> None:
    for header in (b"checkout-17", b"x" * 36, b"", b"+" + b"1" * 31, b"tab\tand", "東京".encode()):
        assert origin(None, {b"x-request-id": header}).request_id.version == 7


def test_the_peers_address_and_client_are_recorded() -> None:
    came_from = origin(("2001:db8::1", 1234), {b"user-agent": b"ccgraph-agent/1.0"})

    assert came_from.ip_address == "2001:db8::1"
    assert came_from.user_agent == "ccgraph-agent/1.0"


def test_an_address_is_recorded_as_what_it_is_and_as_postgresql_takes_it() -> None:
    assert origin(("::ffff:192.0.2.1", 1), {}).ip_address == "192.0.2.1"
    assert origin(("fe80::1%eth0", 1), {}).ip_address == "fe80::1"


def test_a_peer_without_an_address_has_none() -> None:
    assert origin(("/run/ccgraph.sock", 0), {}).ip_address is None
    assert origin(None, {}).ip_address is None


def test_an_endless_user_agent_is_cut() -> None:
    assert origin(None, {b"user-agent": b"x" * 10_000}).user_agent == "x" * 500
