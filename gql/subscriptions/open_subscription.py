"""Opens subscriptions: from a request to a place in the feed, or to a live query."""

from collections.abc import Callable, Hashable
from uuid import UUID

from graphql import Undefined, VariableNode

from gql.context import Context
from gql.execution.api import Api
from gql.execution.prepared import PreparedSubscription
from gql.execution.runner import domain_error
from gql.planner.errors import PlanError
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables
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
        prepared: PreparedSubscription,
        context: Context,
        ready: Callable[[], None],
        *,
        after: str | None = None,
    ) -> Opened:
        """A place in the feed, or a live query; `ready` is called when there is something to take.

        `after` is where a client resumes that cannot change its arguments, and comes before them; it means
        nothing to a live query, which begins with the whole present state.

        Raises: what `gql.execution.api.refused` turns into errors: of the arguments, and QuotaExceeded.
        """
        give_back = self._allowance.take(context.require_principal().user_id)
        try:
            return _Counted(await self._open(prepared, context, ready, after), give_back)
        except BaseException:
            give_back()
            raise

    async def _open(
        self, prepared: PreparedSubscription, context: Context, ready: Callable[[], None], after: str | None
    ) -> Opened:
        root = prepared.root
        if root.name == LIVE:
            return await self._live.subscribe(live_query(prepared, context), ready)
        if root.name not in STREAMS:
            raise BadInput("Select a field of Subscription other than `__typename`.", field="query")
        viewer = context.require_principal().viewer
        stream, arguments = STREAMS[root.name], Arguments(prepared.arguments)
        key = _key(prepared)
        topic = self._feed.topic(key)
        if topic is None:
            variables = ObservedVariables(prepared.variables.coerced)
            env = CompileEnv(self._api.catalog, variables, prepared.operation.fragments, viewer.is_admin)
            topic = self._topic(key, stream, arguments, root, env)
        return await self._feed.subscribe(topic, viewer, ready, after=after or arguments.value(AFTER))

    def _topic(
        self,
        key: Hashable,
        stream: Stream,
        arguments: Arguments,
        root: Field,
        env: CompileEnv,
    ) -> Topic:
        chosen = stream.filter(arguments)
        try:
            renderer = EventRenderer(stream, chosen.tables, root, env)
        except PlanError as error:
            raise domain_error(error) from None
        return Topic(key, chosen, renderer, self._written if stream.sends else None)

    def _written(self, event: ChangeEvent) -> None:
        self._note_sent(UUID(event.key))


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


def _key(prepared: PreparedSubscription) -> Hashable:
    """Equal for requests that ask for the same, from whichever cursor on."""
    # Only the variables that the operation has: others mean nothing, whatever is in them.
    variables = {
        name: source.value
        for name, source in prepared.variables.sources.items()
        if source.value is not Undefined
    }
    for argument in prepared.root.nodes[0].arguments or ():
        if argument.name.value == AFTER and isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            if prepared.operation.uses(name) == 1:  # nothing else depends on it
                variables.pop(name, None)
    return prepared.asked, _hashable(variables)


def _hashable(value: object) -> Hashable:
    """Equal for equal JSON values; what nests too deeply to be written is equal to nothing."""
    try:
        return write_json(value, sort=True)
    except TypeError:
        return object()
