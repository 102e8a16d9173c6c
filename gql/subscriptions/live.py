"""`live`: a query whose result is sent again whenever it has changed.

Its selection is that of a query, planned as one statement and sent on without being parsed. Those who ask for
the same statement with the same parameters share one reading: the viewer is such a parameter wherever a row
policy depends on who reads.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gql.compat.strawberry_graphql import StrawberryField
from gql.context import Context
from gql.execution.prepared import PreparedSubscription
from gql.execution.runner import run
from gql.execution.single_flight import key_of
from gql.planner.plan import Plan
from gql.planner.table_dependencies import reads
from gql.request.preparation import Heads, assemble
from gql.types.builder import argument, output_field
from services.core.database import ReadPool
from services.core.errors import BadInput
from services.feed.coverage import is_covered
from services.live.topics import LiveQuery

LIVE = "live"
RATE = "maxPerSecond"
SLOWEST, FASTEST, DEFAULT_RATE = 0.01, 20.0, 2.0
"""Results a second."""


def live_field() -> StrawberryField:
    """The field of Subscription; the type Query must be there."""
    rate = argument(
        RATE,
        "Optional[Float]",
        f"How often the result is sent at most: {SLOWEST:g} to {FASTEST:g} times a second, "
        f"{DEFAULT_RATE:g} unless given. The last state always arrives.",
    )
    return output_field(
        LIVE,
        "Query",
        "The result of a query: at once, and again whenever it has become another one.",
        [rate],
    )


def live_query(prepared: PreparedSubscription, context: Context) -> LiveQuery:
    """The query that a subscription to `live` asks for, read as the caller.

    Raises: BadInput as for a query.
    """
    pause = 1 / _rate(prepared.arguments)
    viewer = context.require_principal().viewer
    key = prepared.root.key
    heads = prepared.live.heads if prepared.live is not None else None
    if prepared.live is None or heads is None:
        raise BadInput("Select fields of `live` that read tables, and no others.", field=key)
    plan = prepared.live.plan
    if plan is None:
        return _constant(key, heads, pause)
    parameters = plan.for_viewer(viewer.user_id, prepared.parameters)
    found = reads(plan.sql)
    return LiveQuery(
        key=(key_of(plan.sql, parameters), key, heads, pause),
        tables=frozenset(found.columns),
        pause=pause,
        covered=is_covered(found.columns) and not found.clock,
        # A replica may be behind the event that says that there is something to read.
        read=_reading(key, plan, heads, context.database.primary, parameters),
        person=viewer.user_id,
    )


def _constant(key: str, heads: Heads, pause: float) -> LiveQuery:
    """A query whose every field is skipped, or is `__typename`: there is one result, and never another."""

    async def read() -> bytes:
        return _response(key, heads, ())

    return LiveQuery(key=(key, heads, pause), tables=frozenset(), pause=pause, covered=True, read=read)


def _rate(arguments: Mapping[str, Any]) -> float:
    rate = arguments.get(RATE, DEFAULT_RATE)
    if rate is None:
        raise BadInput(f"Leave `{RATE}` out instead of passing null.", field=RATE)
    if not SLOWEST <= rate <= FASTEST:
        raise BadInput(f"`{RATE}` must be between {SLOWEST:g} and {FASTEST:g}.", field=RATE)
    return float(rate)


def _reading(
    key: str, plan: Plan, heads: Heads, reader: ReadPool, parameters: Sequence[object]
) -> Callable[[], Awaitable[bytes]]:
    """Runs the statement and puts the response around the texts that PostgreSQL made."""

    async def read() -> bytes:
        return _response(key, heads, await run(plan, reader, parameters))

    return read


def _response(key: str, heads: Heads, texts: Sequence[str | None]) -> bytes:
    return b'{"data":{"%b":%b}}' % (key.encode(), assemble(heads, texts))
