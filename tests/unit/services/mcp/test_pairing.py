"""Every response finds its request."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.mcp.pairing import Entry, Exchange, exchange_of, pair

START = datetime(2026, 11, 21, tzinfo=UTC)
GIT = Exchange("git", "client", "1")
TIME = Exchange("time", "client", "1")


def entry(
    number: int, second: float, *, request: bool, exchange: Exchange = GIT, timed: bool = True
) -> Entry:
    return Entry(UUID(int=number), exchange, request, START + timedelta(seconds=second), timed)


def pairs(entries: list[Entry]) -> dict[int, int]:
    return {response.int: request.id.int for response, request in pair(entries).items()}


def test_a_response_answers_the_request_of_its_server() -> None:
    entries = [
        entry(1, 0, request=True),
        entry(2, 1, request=True, exchange=TIME),
        entry(3, 2, request=False),
        entry(4, 3, request=False, exchange=TIME),
    ]

    assert pairs(entries) == {3: 1, 4: 2}


def test_after_a_reconnect_an_unanswered_request_of_the_same_id_is_left_alone() -> None:
    entries = [entry(1, 0, request=True), entry(2, 10, request=True), entry(3, 11, request=False)]

    assert pairs(entries) == {3: 2}


def test_a_request_is_answered_once() -> None:
    assert pairs([entry(1, 0, request=True), entry(2, 1, request=False), entry(3, 2, request=False)]) == {
        2: 1
    }


def test_a_response_whose_request_was_not_recorded_does_not_take_a_later_one() -> None:
    assert pairs([entry(1, 0, request=False), entry(2, 1, request=True)]) == {}


def test_without_times_a_response_that_arrived_first_takes_the_request_that_came_after() -> None:
    assert pairs([entry(1, 0, request=False, timed=False), entry(2, 1, request=True, timed=False)]) == {1: 2}


def test_a_request_and_its_response_of_the_same_instant_are_a_pair() -> None:
    assert pairs([entry(1, 0, request=False), entry(2, 0, request=True)]) == {1: 2}


def test_a_server_may_ask_with_an_id_that_the_client_uses_too() -> None:
    assert exchange_of("request", "git", "server", "1") == exchange_of("response", "git", "client", "1")
    assert exchange_of("request", "git", "client", "1") != exchange_of("request", "git", "server", "1")


def test_notifications_and_the_id_null_are_never_paired() -> None:
    assert exchange_of("notification", "git", "client", None) is None
    assert exchange_of("response", "git", "server", "null") is None


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.booleans(), st.booleans(), st.sampled_from([GIT, TIME])), max_size=20
    ),
    st.randoms(),
)
def test_the_order_of_recording_changes_nothing(
    drawn: list[tuple[int, bool, bool, Exchange]], random: object
) -> None:
    entries = [
        entry(number, second, request=request, timed=timed, exchange=exchange)
        for number, (second, request, timed, exchange) in enumerate(drawn)
    ]
    shuffled = sorted(entries, key=lambda _: random.random())  # type: ignore[attr-defined]

    assert pairs(shuffled) == pairs(entries)
    assert len(set(pairs(entries).values())) == len(pairs(entries))
