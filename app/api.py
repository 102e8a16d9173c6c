"""Puts the API together for one process: what has to be open, and the endpoints on top of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from app.admission.origins import Origins
from app.config.errors import StartupError
from app.config.settings import Settings
from app.connections.registry import Connections
from app.dashboard.sessions import BrowserSessions
from app.http.endpoint import BrowserPage, GraphQLEndpoint
from app.http.sse import EventStreamEndpoint
from app.ingest.endpoint import IngestEndpoint
from app.ingest.holding import PermissionHold
from app.ingest.opening import open_receivers
from app.ingest.recording import McpTraffic
from app.mcp.endpoint import McpEndpoint
from app.mcp.listening import Listening
from app.mcp.recording import TrafficRecorder
from app.mcp.server import AgentServer
from app.mcp.transport import Transport
from app.mcp.waiting import TaskWaits
from app.websocket.endpoint import WebSocketEndpoint
from app.websocket.session import WebSocketLimits
from app.worker import deliver, digest_ingested, open_sender
from gql.context import Context
from gql.execution.api import Api
from gql.request.documents import Documents, read_trusted
from gql.request.limits import Limits
from gql.schema import build_schema
from gql.subscriptions.open_subscription import Subscriptions
from services.accounts.authentication import Authenticator
from services.accounts.rate_limits import ApiCalls
from services.accounts.subscription_quota import Allowance
from services.accounts.tokens import TokenPolicy
from services.core.background import Supervisor
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.feed.feed import Feed
from services.feed.reader import Pace
from services.feed.wakeup import Wakeup, WakeupEvent
from services.instances.heartbeats import HeartbeatWatch
from services.instances.permission_waits import PermissionWaits
from services.live.queries import LiveQueries
from services.notifications.websocket_delivery import Retries, SentNotifications, keep_sending
from services.secrets.known_forms import scanner
from services.tasks.leases import watch_leases

VERSION = version("ccgraph")


@dataclass(frozen=True, slots=True)
class ApiEndpoint:
    """/graphql in all its transports, /mcp, the receivers, and the logins of browsers.

    `waits` are calls of agents that wait for work.
    """

    http: GraphQLEndpoint
    websocket: WebSocketEndpoint
    mcp: McpEndpoint
    connections: Connections
    permission_waits: PermissionWaits
    ingest: IngestEndpoint
    waits: TaskWaits
    sessions: BrowserSessions


@asynccontextmanager
async def open_api(
    settings: Settings, database: Database, page: BrowserPage | None, supervisor: Supervisor
) -> AsyncIterator[ApiEndpoint]:
    """The endpoint, with all that it needs running beside it until the block ends.

    `supervisor` watches the side tasks.
    """
    async with AsyncExitStack() as stack:
        wakeup = await stack.enter_async_context(
            Wakeup(settings.broadcast_url.get_secret_value()).watched_by(supervisor)
        )
        database = replace(database, after_commit=wakeup.notify)
        if database.replicas is not None:
            await stack.enter_async_context(supervisor.running(database.replicas.run, "replicas"))
        tokens = TokenPolicy(
            settings.signing_key(),
            timedelta(minutes=settings.access_token_minutes),
            timedelta(days=settings.refresh_token_days),
        )
        vault = settings.vault()
        await asyncio.to_thread(scanner)  # a quarter of a second, which no request is to wait for
        heartbeats = HeartbeatWatch(
            database,
            timedelta(seconds=settings.heartbeat_timeout),
            working_for=timedelta(seconds=settings.working_timeout),
        )
        await stack.enter_async_context(supervisor.running(heartbeats.run, "heartbeats"))
        permission_waits = await stack.enter_async_context(
            PermissionWaits(database, wakeup.event(), settings.permission_wait).watched_by(supervisor)
        )
        sent = await stack.enter_async_context(SentNotifications(database).watched_by(supervisor))
        retries = Retries(timedelta(seconds=settings.confirmation_timeout), settings.confirmation_retries)
        sending = partial(keep_sending, database, retries, every=min(5.0, settings.confirmation_timeout / 2))
        await stack.enter_async_context(supervisor.running(sending, "websocket-delivery"))
        await stack.enter_async_context(supervisor.running(partial(watch_leases, database), "leases"))
        pace = Pace(longest=settings.feed_poll)
        feed = await stack.enter_async_context(
            Feed(
                database, wakeup, tokens.secret_key.encode(), pace, stall_timeout=settings.response_timeout
            ).watched_by(supervisor)
        )
        sender = await stack.enter_async_context(open_sender(settings))
        if settings.worker:
            await stack.enter_async_context(deliver(settings, database, sender, wakeup, supervisor))
        authenticator = Authenticator(database, tokens)
        stored = wakeup.notify  # a worker elsewhere digests
        if settings.worker:
            waiting = WakeupEvent()
            stored = waiting.set
            await stack.enter_async_context(digest_ingested(settings, database, waiting, supervisor))
        ingest = await stack.enter_async_context(
            open_receivers(
                settings,
                database,
                authenticator,
                supervisor,
                stored,
                McpTraffic(database, vault),
                PermissionHold(database, vault, permission_waits),
            )
        )
        lost_after = timedelta(seconds=settings.process_timeout)
        connections = await stack.enter_async_context(
            Connections(database, authenticator, lost_after).watched_by(supervisor)
        )
        api_calls = await stack.enter_async_context(ApiCalls(database).watched_by(supervisor))
        schema, catalog = build_schema()
        api = Api(
            schema,
            catalog,
            _limits(settings),
            introspection=settings.introspection,
            share_reads=settings.share_reads,
        )
        # Of the connections for queries, half at most: live queries are not to keep others from being asked.
        live = LiveQueries(feed, places=max(1, settings.read_pool_size // 2), poll=settings.live_poll)
        allowance = Allowance(settings.maximum_subscriptions)
        subscriptions = Subscriptions(api, feed, live, sent.note, allowance)
        documents = _documents(settings)

        def open_context(origin: Origin, principal: Principal | None) -> Context:
            return Context(database, origin, tokens, principal, vault, api_calls.admit, sender)

        origins = Origins(settings.origins, only_this_machine=settings.only_this_machine)
        recorder = await stack.enter_async_context(TrafficRecorder(database, vault).watched_by(supervisor))
        own = Api(schema, catalog, share_reads=settings.share_reads)
        waits = TaskWaits(feed, allowance, connections)
        agents = AgentServer(
            own, api, documents, Listening(own, subscriptions, connections), waits, recorder, VERSION
        )
        transport = await stack.enter_async_context(
            Transport(agents.protocol, settings.maximum_body).watched_by(supervisor)
        )
        mcp = McpEndpoint(
            transport,
            open_context,
            authenticator,
            api_calls,
            origins,
            maximum_body=settings.maximum_body,
        )
        yield ApiEndpoint(
            GraphQLEndpoint(
                api,
                open_context,
                authenticator,
                api_calls,
                documents,
                event_stream=EventStreamEndpoint(api, subscriptions, connections, settings.keep_alive),
                page=page,
                maximum_body=settings.maximum_body,
                maximum_batch=settings.maximum_batch,
            ),
            WebSocketEndpoint(
                api,
                subscriptions,
                open_context,
                authenticator,
                api_calls,
                documents,
                connections,
                origins,
                WebSocketLimits(initialisation=settings.request_timeout, keep_alive=settings.keep_alive),
            ),
            mcp,
            connections,
            permission_waits,
            ingest,
            waits,
            BrowserSessions(open_context, graphiql=page is not None),
        )


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.maximum_depth,
        aliases=settings.maximum_aliases,
        tokens=settings.maximum_tokens,
        cost=settings.maximum_cost,
    )


def _documents(settings: Settings) -> Documents:
    if settings.trusted_documents is None:
        return Documents(automatic=settings.persisted_queries)
    try:
        return Documents(read_trusted(settings.trusted_documents))
    except ValueError as error:
        raise StartupError(f"CCGRAPH_TRUSTED_DOCUMENTS is wrong: {error}.") from None
