"""Opens subscriptions: from a request to a place in the feed, or to a live query."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from graphql import GraphQLSchema, VariableNode

from gql.compat.graphql_core import VariableValues, get_argument_values
from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.execution.runner import domain_error
from gql.planner.errors import PlanError
from gql.planner.selection import Field, collect
from gql.planner.statement import Question
from gql.planner.values import ObservedVariables
from gql.request.limits import check_cost
from gql.request.preparation import Operation
from gql.subscriptions.fields import STREAMS
from gql.subscriptions.live import LIVE, live_query
from gql.subscriptions.rendering import EventRenderer
from gql.subscriptions.streams import AFTER, Arguments, Stream
from services.accounts.subscription_quota import Allowance
from services.core.errors import BadInput
from services.core.json_codec import write_json
from services.feed.events import ChangeEvent
from services.feed.feed import Feed
from services.feed.subscribers import Opened
from services.feed.topics import Topic
from services.live.queries import LiveQueries
from services.live.topics import LiveQuery


class Subscriptions:
    """The door for subscriptions, beside `Api` for queries and mutations."""

    def __init__(
        self,
        api: Api,
        feed: Feed,
        live: LiveQueries,
        note_sent: Callable[[UUID], None],
        allowance: Allowance,
    ) -> None:
        self._api = api
        self._feed = feed
        self._live = live
        self._note_sent = note_sent
        self._allowance = allowance

    async def open(
        self,
        request: OperationRequest,
        context: Context,
        ready: Callable[[], None],
        *,
        after: str | None = None,
    ) -> Opened:
        """A place in the feed, or a live query; `ready` is called when there is something to take.

        `after` is where a client resumes that cannot change its arguments, and comes before them; it means
        nothing to a live query, which begins with the whole present state.

        Raises what `gql.execution.api.refused` turns into errors: of the document, its variables or
        arguments, and QuotaExceeded.
        """
        give_back = self._allowance.take(context.require_principal().user_id)
        try:
            return _Counted(await self._open(request, context, ready, after), give_back)
        except BaseException:
            give_back()
            raise

    async def _open(
        self, request: OperationRequest, context: Context, ready: Callable[[], None], after: str | None
    ) -> Opened:
        wanted = await self._api.understand(request, context, self._understand)
        if isinstance(wanted, LiveQuery):
            return await self._live.subscribe(wanted, ready)
        topic = self._feed.topic(wanted.key) or wanted.topic()
        viewer = context.require_principal().viewer
        return await self._feed.subscribe(topic, viewer, ready, after=after or wanted.arguments.value(AFTER))

    def _understand(self, request: OperationRequest, context: Context) -> "LiveQuery | _Events":
        """Everything that can be wrong with a request."""
        principal = context.require_principal()
        operation = self._api.preparation.operation(request.query, request.operation_name)
        variables = operation.variables(self._api.schema, request.variables).coerced
        check_cost(operation.measure, variables, self._api.limits)
        observed = ObservedVariables(variables)
        question = Question(self._api.catalog, observed, operation.fragments, principal.is_admin)
        selected = collect([operation.node.selection_set], question, (), "Subscription")
        if len(selected) != 1:
            raise BadInput("Select exactly one field of Subscription.", field="query")
        root = selected[0]
        given = _argument_values(self._api.schema, root, variables)
        if root.name == LIVE:
            return live_query(operation, root, question, given, context)
        if root.name not in STREAMS:
            raise BadInput("Select a field of Subscription other than `__typename`.", field="query")
        stream = STREAMS[root.name]
        arguments = Arguments(given)
        key = _key(request, operation, root)
        return _Events(key, arguments, partial(self._topic, key, stream, arguments, root, question))

    def _topic(
        self,
        key: Hashable,
        stream: Stream,
        arguments: Arguments,
        root: Field,
        question: Question,
    ) -> Topic:
        chosen = stream.filter(arguments)
        try:
            renderer = EventRenderer(stream, chosen.tables, root, question)
        except PlanError as error:
            raise domain_error(error) from None
        return Topic(key, chosen, renderer, self._written if stream.sends else None)

    def _written(self, event: ChangeEvent) -> None:
        self._note_sent(UUID(event.key))


@dataclass(frozen=True, slots=True)
class _Events:
    """What a subscription to events asks for; `topic` makes it where nobody has asked for it yet."""

    key: Hashable
    arguments: Arguments
    topic: Callable[[], Topic]


class _Counted:
    """A subscription that is open, and counted until it is closed."""

    __slots__ = ("_give_back", "_opened", "subscriber")

    def __init__(self, opened: Opened, give_back: Callable[[], None]) -> None:
        self.subscriber = opened.subscriber
        self._opened = opened
        self._give_back: Callable[[], None] | None = give_back

    def close(self) -> None:
        """Get nothing more; safe to call twice."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            self._opened.close()
            give_back()


def _argument_values(schema: GraphQLSchema, root: Field, variables: dict[str, Any]) -> dict[str, Any]:
    if schema.subscription_type is None:
        raise TypeError("the schema has no subscriptions")
    definition = schema.subscription_type.fields.get(root.name)
    if definition is None:
        return {}
    return get_argument_values(definition, root.nodes[0], VariableValues({}, variables))


def _key(request: OperationRequest, operation: Operation, root: Field) -> Hashable:
    """Equal for requests that ask for the same, from whichever cursor on."""
    given = request.variables or {}
    declared = (found.variable.name.value for found in operation.node.variable_definitions or ())
    # Those that the operation does not have mean nothing, whatever is in them.
    variables = {name: given[name] for name in declared if name in given}
    for argument in root.nodes[0].arguments or ():
        if argument.name.value == AFTER and isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            if operation.uses(name) == 1:  # nothing else depends on it
                variables.pop(name, None)
    return request.query, request.operation_name, _hashable(variables)


def _hashable(value: object) -> Hashable:
    """Equal for equal JSON values; what nests too deeply to be written is equal to nothing."""
    try:
        return write_json(value, sort=True)
    except TypeError:
        return object()
