"""Notifications of changed resources: a stream that the change feed drives.

Each resource is followed by a live query as the caller, so a change is told to those alone who may see it.
Each counts as a subscription. What is told is that it changed: clients read it again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import orjson
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    event_to_notification,
)
from mcp_types import (
    INVALID_PARAMS,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from app.connections.registry import Connections
from app.mcp.resources import found
from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.execution.prepared import PreparedSubscription
from gql.subscriptions.open_subscription import Subscriptions
from models.enums import WebsocketTransport
from services.feed.subscribers import Opened

MOST_RESOURCES: Final = 20
"""Resources of one stream."""

_PROJECTS: Final = """
subscription Projects {
  live {
    found: projects(
      first: 100, orderBy: [{name: ASC}, {projectId: ASC}], where: {status: {neq: ARCHIVED}}
    ) { nodes { projectId name } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Listening:
    """Opens streams. `api` prepares our own documents."""

    api: Api
    subscriptions: Subscriptions
    connections: Connections

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams, context: Context
    ) -> SubscriptionsListenResult:
        """Tell of changes until the client closes the stream, its token ends, or the server stops.

        Raises: MCPError for too many resources, QuotaExceeded for too many subscriptions.
        """
        wanted = params.notifications
        uris = [*dict.fromkeys(str(uri) for uri in wanted.resource_subscriptions or ())]
        if len(uris) > MOST_RESOURCES:
            raise MCPError(INVALID_PARAMS, f"One stream follows at most {MOST_RESOURCES} resources.")
        ended = asyncio.Event()
        stirred = asyncio.Event()

        def end(_: int) -> None:
            ended.set()
            stirred.set()

        connection = await self.connections.open(
            context.require_principal(), context.origin, WebsocketTransport.SSE, end
        )
        try:
            with ExitStack() as stack:
                followed: dict[Opened, ServerEvent] = {}
                for uri in uris:
                    if opened := await self._follow(uri, context, stirred, stack):
                        followed[opened] = ResourceUpdated(uri)
                if wanted.resources_list_changed:
                    opened = await self._open(_PROJECTS, {}, context, stirred)
                    stack.callback(opened.close)
                    await _first(opened, stirred)
                    followed[opened] = ResourcesListChanged()
                await self._tell(ctx, wanted, followed, stirred, ended)
        finally:
            connection.close(1000 if ended.is_set() else 1001)
        return SubscriptionsListenResult(_meta=_meta(ctx))

    async def _follow(
        self, uri: str, context: Context, stirred: asyncio.Event, stack: ExitStack
    ) -> Opened | None:
        """Follow a resource; None for one that is not there for the caller."""
        named = found(uri)
        if named is None:
            return None
        kind, key = named
        opened = await self._open(kind.live, {"id": str(key)}, context, stirred)
        stack.callback(opened.close)
        first = orjson.loads(await _first(opened, stirred))
        if first["data"]["live"]["found"] is None:
            opened.close()
            return None
        return opened

    async def _open(
        self, document: str, variables: Mapping[str, Any], context: Context, stirred: asyncio.Event
    ) -> Opened:
        request = OperationRequest(document, dict(variables), size=len(document))
        prepared = await self.api.prepare(request, context)
        if not isinstance(prepared, PreparedSubscription):
            raise TypeError("a document of ours is no subscription")
        return await self.subscriptions.open(prepared, context, stirred.set)

    async def _tell(
        self,
        ctx: ServerRequestContext[Any, Any],
        wanted: SubscriptionFilter,
        followed: Mapping[Opened, ServerEvent],
        stirred: asyncio.Event,
        ended: asyncio.Event,
    ) -> None:
        honored = SubscriptionFilter(
            tools_list_changed=wanted.tools_list_changed or None,
            prompts_list_changed=wanted.prompts_list_changed or None,
            resources_list_changed=wanted.resources_list_changed or None,
            resource_subscriptions=[
                event.uri for event in followed.values() if isinstance(event, ResourceUpdated)
            ]
            or None,
        )
        meta = _meta(ctx)
        acknowledged = SubscriptionsAcknowledgedNotification(
            params=SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
        )
        await ctx.session.send_notification(acknowledged, related_request_id=ctx.request_id)
        while not ended.is_set():
            stirred.clear()
            for opened, event in followed.items():
                subscriber = opened.subscriber
                if subscriber.take() is not None:
                    await ctx.session.send_notification(
                        event_to_notification(event, meta), related_request_id=ctx.request_id
                    )
                if subscriber.ended:
                    return
            await stirred.wait()


def _meta(ctx: ServerRequestContext[Any, Any]) -> dict[str, Any]:
    return {SUBSCRIPTION_ID_META_KEY: ctx.request_id}


async def _first(opened: Opened, stirred: asyncio.Event) -> bytes:
    """The state from which changes count."""
    while True:
        stirred.clear()
        delivery = opened.subscriber.take()
        if delivery is not None:
            return bytes(delivery.payload)
        if opened.subscriber.error is not None:
            raise opened.subscriber.error
        await stirred.wait()
