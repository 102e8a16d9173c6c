"""Which requests are known again, and how many of them."""

from typing import Any, cast

import pytest

from gql.context import Context
from gql.execution.api import LONGEST_BODY, MOST_BYTES, MOST_REQUESTS, Api, OperationRequest
from gql.execution.prepared import Prepared, PreparedQuery, PreparedSubscription, Refused
from gql.request.limits import Limits
from gql.schema import build_schema
from services.accounts.tokens import TokenPolicy
from services.core.principal import Origin, Principal

SCHEMA, CATALOG = build_schema()
PEOPLE = {"admin": Principal(1, "ann", is_admin=True), "person": Principal(2, "ben", is_admin=False)}
TASKS = "{ tasks(first: 5) { nodes { id } } }"


def context(who: str | None = "person") -> Context:
    principal = None if who is None else PEOPLE[who]
    return Context(cast("Any", None), Origin(), TokenPolicy("k" * 32), principal)


async def prepare(
    api: Api, query: str, body: bytes = b"body", who: str | None = "person", **given: Any
) -> Prepared:
    return await api.prepare(OperationRequest(query, given or None, body=body), context(who))


async def keep(api: Api, *bodies: bytes) -> None:
    for body in bodies:
        await prepare(api, TASKS, body)


async def test_of_many_bodies_those_that_were_used_last_are_known() -> None:
    api = Api(SCHEMA, CATALOG)
    bodies = [b"%d" % number for number in range(MOST_REQUESTS)]
    await keep(api, *bodies)
    assert api.recall(bodies[0], context()) is not None
    await keep(api, b"one more")

    assert api.recall(bodies[0], context()) is not None
    assert api.recall(b"one more", context()) is not None
    assert api.recall(bodies[1], context()) is None


async def test_long_bodies_push_out_others_before_they_fill_the_memory() -> None:
    api = Api(SCHEMA, CATALOG)
    bodies = [b"%0*d" % (LONGEST_BODY, number) for number in range(MOST_BYTES // LONGEST_BODY + 1)]
    await keep(api, *bodies)

    assert api.recall(bodies[0], context()) is None
    assert all(api.recall(body, context()) is not None for body in bodies[1:])


async def test_a_body_past_the_longest_is_not_kept() -> None:
    api = Api(SCHEMA, CATALOG)
    await keep(api, b"x" * LONGEST_BODY, b"x" * (LONGEST_BODY + 1))

    assert api.recall(b"x" * LONGEST_BODY, context()) is not None
    assert api.recall(b"x" * (LONGEST_BODY + 1), context()) is None


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (TASKS, PreparedQuery),
        ("subscription { taskChanged { cursor } }", PreparedSubscription),
        (f"subscription {{ live {TASKS} }}", PreparedSubscription),
    ],
)
async def test_what_only_reads_is_prepared_once(query: str, kind: type) -> None:
    api = Api(SCHEMA, CATALOG)
    prepared = await prepare(api, query)

    assert isinstance(prepared, kind)
    assert api.recall(b"body", context()) is prepared
    assert api.recall(b"body", context("admin")) is None
    assert api.recall(b"body", context(None)) is None


@pytest.mark.parametrize(
    "query",
    [
        "mutation { logout { done } }",
        'mutation { login(input: {username: "ann", password: "hunter2hunter2"}) { accessToken } }',
        "{ nothing }",
        "{ tasks(first: 501) { nodes { id } } }",
        "subscription { live { tasks(first: 501) { nodes { id } } } }",
        "query ($a: Int!) { tasks(first: $a) { totalCount } }",
    ],
)
async def test_a_change_and_what_is_refused_are_prepared_each_time(query: str) -> None:
    api = Api(SCHEMA, CATALOG)
    await prepare(api, query)

    assert api.recall(b"body", context()) is None


async def test_a_request_without_a_body_is_not_kept() -> None:
    api = Api(SCHEMA, CATALOG)
    await api.prepare(OperationRequest(TASKS), context())

    assert len(api._known) == 0


async def test_an_api_of_other_limits_prepares_anew() -> None:
    large, small = Api(SCHEMA, CATALOG), Api(SCHEMA, CATALOG, Limits(cost=3))
    prepared = await prepare(large, TASKS)
    again = await prepare(small, TASKS)

    assert isinstance(prepared, PreparedQuery)
    assert isinstance(again, Refused)
    assert small.recall(b"body", context()) is None


async def test_plans_of_administrators_are_their_own() -> None:
    api = Api(SCHEMA, CATALOG)
    found = {who: await prepare(api, TASKS, who=who) for who in PEOPLE}

    assert {who: api.recall(b"body", context(who)) for who in PEOPLE} == found
    texts = {p.planned.plan.sql for p in found.values() if isinstance(p, PreparedQuery) and p.planned.plan}
    assert len(texts) == 2
