"""Digests, and what a subscriber holds for its connection."""

from services.live.results import LiveSubscriber, Result

ONE, TWO = Result.of(b'{"data":{"live":{"a":1}}}'), Result.of(b'{"data":{"live":{"a":2}}}')


class Connection:
    """Counts how often it is called, and takes what there is."""

    def __init__(self) -> None:
        self.calls = 0
        self.subscriber = LiveSubscriber(self._ready)

    def _ready(self) -> None:
        self.calls += 1

    def take(self) -> bytes | None:
        delivery = self.subscriber.take()
        return None if delivery is None else delivery.payload


def test_the_same_text_has_the_same_digest_and_another_one_another() -> None:
    assert Result.of(b'{"data":{"live":{"a":1}}}').digest == ONE.digest
    assert len({ONE.digest, TWO.digest, Result.of(b'{"data":{"live":{"a":1 }}}').digest}) == 3


def test_a_result_is_taken_once_and_has_no_cursor() -> None:
    connection = Connection()
    connection.subscriber.offer(ONE)
    assert (connection.calls, connection.subscriber.waiting) == (1, 1)
    delivery = connection.subscriber.take()
    assert delivery is not None
    assert (delivery.payload, delivery.cursor) == (b'{"data":{"live":{"a":1}}}', None)
    assert connection.subscriber.take() is None


def test_what_the_connection_took_last_is_not_taken_again() -> None:
    connection = Connection()
    connection.subscriber.offer(ONE)
    connection.take()
    connection.subscriber.offer(Result.of(ONE.delivery.payload))
    assert connection.take() is None
    assert connection.calls == 1


def test_a_newer_result_takes_the_place_of_one_that_waits() -> None:
    connection = Connection()
    connection.subscriber.offer(ONE)
    connection.subscriber.offer(TWO)
    assert (connection.calls, connection.subscriber.waiting) == (1, 1)
    assert connection.take() == TWO.delivery.payload
    assert connection.take() is None


def test_a_state_between_that_was_not_taken_is_forgotten_when_the_old_one_is_back() -> None:
    connection = Connection()
    connection.subscriber.offer(ONE)
    connection.take()
    connection.subscriber.offer(TWO)
    connection.subscriber.offer(ONE)
    assert connection.take() is None
    connection.subscriber.offer(TWO)
    assert connection.take() == TWO.delivery.payload


def test_the_end_comes_after_what_waits_and_only_once() -> None:
    connection = Connection()
    connection.subscriber.offer(ONE)
    error = RuntimeError()
    connection.subscriber.end(error)
    connection.subscriber.end()
    connection.subscriber.offer(TWO)
    assert connection.take() == ONE.delivery.payload
    assert connection.take() is None
    assert (connection.subscriber.ended, connection.subscriber.error, connection.calls) == (True, error, 1)


def test_a_connection_that_waits_hears_of_the_end() -> None:
    connection = Connection()
    connection.subscriber.end()
    assert (connection.calls, connection.subscriber.error) == (1, None)
