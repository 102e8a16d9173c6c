"""Whatever is none is refused at every door by a code and its place, and is never a fault of the server's."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLNonNull, get_nullable_type

from gql.subscriptions.fields import STREAMS
from models.values import SURROGATE
from tests.acceptance.shapes.conftest import SCHEMA
from tests.integration.reading.conftest import CATALOG
from tests.support.bad_values import OF_WRONG_TYPE, UNSTORABLE, scalar_of
from tests.support.graphql_ws import Socket, logged_in
from tests.support.serving import LiveServer
from tests.support.sse import EventStream
from tests.support.waiting import PATIENCE

Ask: TypeAlias = Callable[[str, Any], Awaitable[Any]]
BAD = "BAD_USER_INPUT"
LONGEST = 500_000
TEXTS = ("x", "", "\U0001f600", "\0", "９", "+1", " 1", "1_0", "x" * 100_000)
"""Texts that are no number, no id, no cursor and no time."""


@dataclass(slots=True)
class Refusals:
    """What was not refused as it should be."""

    tried: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)

    async def try_(
        self, ask: Ask, query: str, variables: Any, place: str, codes: tuple[str, ...] = (BAD,)
    ) -> None:
        """Ask, and look for one of these codes at a place with this in it."""
        self.tried += 1
        response = await ask(query, variables)
        errors = response.get("errors") or [{"message": "It was answered."}]
        extensions = errors[0].get("extensions") or {}
        code, named = extensions.get("code"), str(extensions.get("field", ""))
        if code not in codes or (code == BAD and place not in named):
            what = f"{code} at {named!r} instead of {codes} at {place!r}"
            example = f"{errors[0]['message'][:150]}\n  {query[:400]}\n  {ascii(variables)[:300]}"
            self.wrong.setdefault(what, []).append(example)

    def none(self, at_least: int) -> None:
        """Fail if anything was wrong, or less was tried than that."""
        assert self.tried >= at_least, self.tried
        told = [f"{what}, {len(found)} times:\n  {found[0]}" for what, found in self.wrong.items()]
        if told:
            pytest.fail(f"{len(told)} kinds in {self.tried}:\n" + "\n".join(told[:40]), pytrace=False)


@asynccontextmanager
async def doors(server: LiveServer, bearer: str) -> AsyncIterator[dict[str, Ask]]:
    """HTTP, WebSocket and SSE; each gives the response, or the first one of a stream."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE))
        socket = await stack.enter_async_context(logged_in(server.websocket_url, bearer))
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}

        async def over_http(query: str, variables: Any) -> Any:
            body = json.dumps(
                {"query": query, "variables": variables}
            )  # with halves of surrogate pairs, escaped
            return (await client.post(f"{server.url}/graphql", content=body, headers=headers)).json()

        async def over_sse(query: str, variables: Any) -> Any:
            body = json.dumps({"query": query, "variables": variables})
            accepting = {**headers, "accept": "text/event-stream"}
            async with client.stream(
                "POST", f"{server.url}/graphql", content=body, headers=accepting
            ) as response:
                if not response.headers["content-type"].startswith("text/event-stream"):
                    return json.loads(await response.aread())
                stream = EventStream(response)
                event = await stream.hear()
                await stream.close()
                return event.body if event is not None and event.data else {}

        yield {"HTTP": over_http, "SSE": over_sse, "WebSocket": _over_socket(socket)}


def _over_socket(socket: Socket) -> Ask:
    numbers: Iterator[int] = iter(range(10**9))

    async def hear(key: str) -> Any:
        """The next message about the operation, or a pong; an earlier one may still have something to say."""
        while (message := await socket.hear()).get("id", key) != key:
            pass
        return message

    async def over_socket(query: str, variables: Any) -> Any:
        key = str(next(numbers))
        await socket.say(id=key, type="subscribe", payload={"query": query, "variables": variables})
        if not query.startswith("subscription"):
            message = await hear(key)
            if message["type"] == "next":
                assert (await hear(key))["type"] == "complete"
            return _response(message)
        await socket.say(type="ping")  # its answer comes after that of a refusal
        message = await hear(key)
        if message["type"] == "pong":
            await socket.say(id=key, type="complete")
            return {}
        found = _response(message)
        while message["type"] != "pong":
            message = await hear(key)
        return found

    return over_socket


def _response(message: Any) -> Any:
    """What a message says, as it would be over HTTP."""
    return {"errors": message["payload"]} if message["type"] == "error" else message["payload"]


async def test_no_operator_of_a_filter_takes_what_is_none(
    live_server: LiveServer, administrator: str
) -> None:
    refusals = Refusals()
    async with doors(live_server, administrator) as open_:
        ask, tried = open_["HTTP"], set()
        for table in CATALOG.types.values():
            if table.is_single:
                continue  # which is not listed
            where: Any = SCHEMA.type_map[f"{table.name}Where"]
            selection = "{ totalCount nodes { __typename } }"
            query = f"query ($w: {where}) {{ {table.connection}(where: $w) {selection} }}"
            for column in table.columns:
                kind: Any = get_nullable_type(where.fields[column].type)
                for operator, found in kind.fields.items():
                    # Columns of one kind have their filter in common, so the others are asked for one value.
                    values = [*_bad(found.type), None]
                    if (kind.name, operator) in tried:
                        values = values[:1] if operator in ("eq", "contains") else []
                    tried.add((kind.name, operator))
                    for value in values:
                        given = {"w": {column: {operator: value}}}
                        await refusals.try_(ask, query, given, f"{column}.{operator}")
    refusals.none(1_000)


def _bad(kind: GraphQLInputType) -> list[Any]:
    """Values that the argument must not take; lists of them, where it is a list."""
    plain = get_nullable_type(kind)
    if hasattr(plain, "of_type"):
        return [[value] for value in _bad(plain.of_type)]
    if isinstance(plain, GraphQLInputObjectType):
        return [5, "x", []]
    scalar = str(scalar_of(kind))
    values = (
        OF_WRONG_TYPE.get(scalar, ())
        if scalar == "JSON"
        else (*OF_WRONG_TYPE.get(scalar, ()), *UNSTORABLE.get(scalar, ()))
    )
    return [value for value in values if not _spoils_the_request(value)]


def _spoils_the_request(value: Any) -> bool:
    """Whether a value is refused with the whole body: for its length, half a surrogate pair, or its size."""
    if isinstance(value, str):
        return len(value) > LONGEST or SURROGATE.search(value) is not None
    return isinstance(value, int) and abs(value) > 10**308


async def test_no_argument_of_a_list_takes_what_is_none(live_server: LiveServer, administrator: str) -> None:
    refusals = Refusals()
    listed = "query ($v: {0}) {{ tasks({1}) {{ totalCount nodes {{ id }} }} }}"
    async with doors(live_server, administrator) as open_:
        ask = open_["HTTP"]
        for name in ("first", "last"):
            for number in (-1, 501, 2**31, "1", 1.5, True):
                await refusals.try_(ask, listed.format("Int", f"{name}: $v"), {"v": number}, name)
        for name, other in (("after", "first"), ("before", "last")):
            for text in TEXTS:
                query = listed.format("String", f"{other}: 1, {name}: $v")
                await refusals.try_(ask, query, {"v": text}, "", (BAD, "CURSOR_INVALID"))
        for at in (["\0"], [None], [5], None):
            query = listed.format("[String!]!", "orderBy: [{inputData: {at: $v}}]")
            await refusals.try_(ask, query, {"v": at}, "")
            query = listed.format("[String!]!", "where: {inputData: {path: {at: $v, eq: 1}}}")
            await refusals.try_(ask, query, {"v": at}, "")
        await refusals.try_(ask, listed.format("String", "search: $v"), {"v": "\0"}, "search")
        for text in TEXTS:
            await refusals.try_(ask, "query ($v: ID!) { node(nodeId: $v) { nodeId } }", {"v": text}, "nodeId")
            query = "query ($v: ID!) { nodes(nodeIds: [$v]) { nodeId } }"
            await refusals.try_(ask, query, {"v": text}, "nodeIds")
        for table in CATALOG.types.values():
            for key in table.keys if table.lookup is not None else ():
                for value in _key_values(f"{table.name}By", key.field):
                    query = f"query ($v: {table.name}By!) {{ {table.lookup}(by: $v) {{ __typename }} }}"
                    await refusals.try_(ask, query, {"v": {key.field: value}}, "")
    refusals.none(300)


def _key_values(name: str, key: str) -> list[Any]:
    by: Any = SCHEMA.type_map[name]
    kind = by.fields[key].type
    plain = get_nullable_type(kind)
    return [{}, 5] if isinstance(plain, GraphQLInputObjectType) else [*_bad(kind), None]


NULLS = (
    ("($b: [TaskGroupBy!] = [STATUS])", "tasks { groups(by: $b) { count } }"),
    ("($b: TaskGroupBy = STATUS)", "tasks { groups(by: [$b]) { count } }"),
    ('($b: String = "a")', "projects(orderBy: [{configJson: {at: [$b]}}], first: 1) { nodes { id } }"),
    ('($b: String = "a")', "projects(orderBy: [{configJson: {at: [$b]}}], first: 1) { totalCount }"),
    ('($b: [String!] = ["a"])', "projects(where: {configJson: {path: {at: $b, eq: 1}}}) { totalCount }"),
    ("($b: TaskOrder = {name: ASC})", "tasks(orderBy: [$b]) { nodes { id } }"),
    ("($b: TaskOrder = {name: ASC})", "tasks(orderBy: [$b]) { totalCount }"),
    ("($b: TaskWhere = {})", "tasks(where: {and: [$b]}) { totalCount }"),
    ("($b: TaskWhere = {})", "tasks(where: {or: [$b]}) { totalCount }"),
    ("($b: Int = 1)", "tasks(where: {priority: {in: [$b]}}) { totalCount }"),
    ("($b: Int = 1)", "tasks(where: {priority: {notIn: [$b]}}) { totalCount }"),
    ('($b: ID = "x")', "node(nodeId: $b) { nodeId }"),
    ('($b: ID = "x")', "nodes(nodeIds: [$b]) { nodeId }"),
    ('($b: TaskBy = {nodeId: "x"})', "task(by: $b) { id }"),
    ("($b: Boolean = true)", "tasks(first: 1) { nodes { id name @include(if: $b) } }"),
    ("($b: Boolean = false)", "tasks(first: 1) { nodes { id name @skip(if: $b) } }"),
    ("($b: Boolean = true)", "tasks(first: 1) @include(if: $b) { nodes { id } }"),
    ("($b: Boolean = false)", "tasks(first: 1) @skip(if: $b) { nodes { id } }"),
)
"""Declared with a default, and used where null must not stand."""


async def test_an_explicit_null_is_refused_where_null_must_not_stand(
    live_server: LiveServer, administrator: str
) -> None:
    refusals = Refusals()
    async with doors(live_server, administrator) as open_:
        for declared, used in NULLS:
            for ask in open_.values():
                await refusals.try_(ask, f"query {declared} {{ {used} }}", {"b": None}, "")
            await refusals.try_(
                open_["HTTP"], f"query {declared} {{ __schema {{ __typename }} {used} }}", {"b": None}, ""
            )
            for transport in ("SSE", "WebSocket"):
                live = f"subscription {declared} {{ live {{ {used} }} }}"
                await refusals.try_(open_[transport], live, {"b": None}, "")
    refusals.none(len(NULLS) * 6)


async def test_no_argument_of_a_subscription_takes_what_is_none(
    live_server: LiveServer, administrator: str
) -> None:
    refusals = Refusals()
    subscription = SCHEMA.subscription_type
    assert subscription is not None
    async with doors(live_server, administrator) as open_:
        for transport in ("SSE", "WebSocket"):
            for name in STREAMS:
                arguments = subscription.fields[name].args
                for argument, found in arguments.items():
                    demanded = next(
                        (
                            f', {other}: "{"0" * 8}-0000-0000-0000-{"0" * 12}"'
                            for other, each in arguments.items()
                            if isinstance(each.type, GraphQLNonNull) and other != argument
                        ),
                        "",
                    )
                    query = (
                        f"subscription ($v: {found.type})"
                        f" {{ {name}({argument}: $v{demanded}) {{ __typename }} }}"
                    )
                    # No row has a NUL, so a text with one is refused by nothing and lets nothing through.
                    values = (
                        TEXTS
                        if argument == "after"
                        else [v for v in _bad(found.type) if "\\x00" not in repr(v)]
                    )
                    codes = (BAD, "CURSOR_INVALID") if argument == "after" else (BAD,)
                    for value in values:
                        await refusals.try_(open_[transport], query, {"v": value}, "", codes)
    refusals.none(400)


async def test_variables_that_are_not_used_do_not_matter(live_server: LiveServer, administrator: str) -> None:
    nested: Any = []
    for _ in range(400):
        nested = [nested]
    async with doors(live_server, administrator) as open_:
        for value in (123456789012345678901234567890, nested, 1.5e300, "x" * 10_000):
            for transport, query in (
                ("HTTP", "{ me { id } }"),
                ("WebSocket", "{ me { id } }"),
                ("WebSocket", "subscription { taskChanged { cursor } }"),
                ("SSE", "subscription { live { me { id } } }"),
                ("WebSocket", "subscription { live { me { id } } }"),
            ):
                response = await open_[transport](query, {"unused": value})
                assert "errors" not in response, (transport, query, str(value)[:50], response)
