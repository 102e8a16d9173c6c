"""Which bodies a server knows again, and how many of them."""

from app.http.repeated import LONGEST_BODY, MOST_BYTES, MOST_REQUESTS, RepeatedRequests
from gql.execution.api import OperationRequest

REQUEST = OperationRequest("{ me { id } }")


def test_a_body_that_came_before_is_known() -> None:
    repeated = RepeatedRequests()
    repeated.keep(b"body", REQUEST)

    assert repeated.get(b"body") is REQUEST
    assert repeated.get(b"body ") is None


def test_the_first_request_of_a_body_stays() -> None:
    repeated = RepeatedRequests()
    repeated.keep(b"body", REQUEST)
    repeated.keep(b"body", OperationRequest("{ me { id } }"))

    assert repeated.get(b"body") is REQUEST


def test_of_many_bodies_those_that_were_used_last_are_known() -> None:
    repeated = RepeatedRequests()
    bodies = [b"%d" % number for number in range(MOST_REQUESTS)]
    for body in bodies:
        repeated.keep(body, REQUEST)
    repeated.get(bodies[0])
    repeated.keep(b"one more", REQUEST)

    assert repeated.get(bodies[0]) is repeated.get(b"one more") is REQUEST
    assert repeated.get(bodies[1]) is None


def test_long_bodies_push_out_others_before_they_fill_the_memory() -> None:
    repeated = RepeatedRequests()
    bodies = [b"%0*d" % (LONGEST_BODY, number) for number in range(MOST_BYTES // LONGEST_BODY + 1)]
    for body in bodies:
        repeated.keep(body, REQUEST)

    assert repeated.get(bodies[0]) is None
    assert all(repeated.get(body) is REQUEST for body in bodies[1:])


def test_a_body_past_the_longest_is_not_kept() -> None:
    repeated = RepeatedRequests()
    repeated.keep(b"x" * LONGEST_BODY, REQUEST)
    repeated.keep(b"x" * (LONGEST_BODY + 1), REQUEST)

    assert repeated.get(b"x" * LONGEST_BODY) is REQUEST
    assert repeated.get(b"x" * (LONGEST_BODY + 1)) is None
