"""The MCP server: what it offers, and how a request becomes a call of a tool."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    TextResourceContents,
    ToolAnnotations,
)
from mcp_types import Tool as ToolOffer
from pydantic import ValidationError

from app.mcp.answers import misread, refused, told
from app.mcp.call import Call, Waits
from app.mcp.listening import Listening
from app.mcp.prompts import PROMPTS, prompt
from app.mcp.reading import Reader, problem_of
from app.mcp.recording import TrafficRecorder
from app.mcp.resources import JSON, TEMPLATES, found, listed
from app.mcp.resources import PROJECTS as PROJECTS_DOCUMENT
from app.mcp.rows import page_of
from app.mcp.texts import text
from app.mcp.tool import AnyTool
from app.mcp.tools.all import TOOLS
from gql.context import Context
from gql.execution.api import Api
from gql.request.documents import Documents
from services.core.errors import BadInput, Conflict, CursorInvalid, Unauthenticated
from services.core.principal import Principal

NAME: Final = "ccgraph"

INSTRUCTIONS: Final = text("instructions.md")
"""What a model reads of the server before it looks for tools."""

SCOPE_KEY: Final = "ccgraph.agent"
"""Where the endpoint leaves the `Agent` in the ASGI scope of a request."""

POSITION: Final = "ccgraph/position"
"""In `_meta` of an answer, what `Ccgraph-Position` is over HTTP: a text, as such numbers may pass 53 bits."""

_LEFT: Final = Conflict("The client has closed its connection, so the claimed task was given back.")

_HOUR_MS: Final = 3_600_000
_UNCHANGING: Final = CacheHint(_HOUR_MS, "public")

Request: TypeAlias = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Agent:
    """The sender of a request: the caller of the API, and the instance that the connection works as.

    `left` says whether the client has closed its connection.
    `tells_position`: the client asks how far the primary's log is after what it changes, and says so later.
    """

    principal: Principal
    context: Context
    instance: UUID | None = None
    tells_position: bool = False
    left: Callable[[], bool] = lambda: False


def agent_of(ctx: Request) -> Agent:
    """The agent that makes this request. Raises: Unauthenticated where no endpoint has let it in."""
    agent = ctx.request.scope.get(SCOPE_KEY) if ctx.request is not None else None
    if not isinstance(agent, Agent):
        raise Unauthenticated("This request did not come through /mcp.")
    return agent


class AgentServer:
    """The handlers of the protocol. `own` answers our documents, `api` those of callers."""

    def __init__(
        self,
        own: Api,
        api: Api,
        documents: Documents,
        listening: Listening,
        waits: Waits,
        recorder: TrafficRecorder,
        version: str = "",
    ) -> None:
        self._own = own
        self._api = api
        self._documents = documents
        self._listening = listening
        self._waits = waits
        self._recorder = recorder
        self._offers = [_offer(tool) for tool in TOOLS.values()]
        self.protocol: Server[Any] = Server(
            NAME,
            version=version,
            title="ccgraph",
            description="Tasks, claims and instructions of a fleet of Claude Code instances",
            instructions=INSTRUCTIONS,
            cache_hints={
                "tools/list": _UNCHANGING,
                "prompts/list": _UNCHANGING,
                "resources/templates/list": _UNCHANGING,
                "server/discover": _UNCHANGING,
            },
            get_tool_input_schema=_input_schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscriptions_listen=self._listen,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )
        self.protocol.middleware[:] = [self._record]  # telemetry of the server is our own

    async def _list_tools(self, ctx: Request, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=self._offers)

    async def _call_tool(self, ctx: Request, params: CallToolRequestParams) -> CallToolResult:
        """The result of a tool; an error is told in the result, where a model reads it."""
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, _no_tool(params.name))
        try:
            given = tool.given.model_validate(params.arguments or {})
        except ValidationError as error:
            return refused(misread(error, tool.input_schema["properties"]))
        agent = agent_of(ctx)
        context = agent.context
        call = Call(
            tool.name,
            agent.principal,
            context.origin,
            context.database,
            context.sealing(),
            self._reader(context),
            ctx.session.report_progress,
            self._waits,
            context.handed_out,
            agent.instance,
        )
        try:
            result = told(await tool.run(call, given))
        except asyncio.CancelledError:
            context.handed_out.give_back()
            raise
        except Exception as error:
            await context.handed_out.give_back()  # the answer does not tell of it
            result = refused(problem_of(error))
        if agent.tells_position and not tool.read_only:
            reached = await context.database.position()
            if reached is not None:
                # Not in a header: those of a stream are sent before the change.
                result.meta = {**(result.meta or {}), POSITION: str(reached)}
        if context.handed_out and agent.left():
            await context.handed_out.give_back()
            result = refused(_LEFT)  # for the record alone
        return result

    async def _list_resources(
        self, ctx: Request, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        after = None if params is None else params.cursor
        try:
            rows = (await self._reader(agent_of(ctx).context).read(PROJECTS_DOCUMENT, after=after))[
                "projects"
            ]
        except Exception as error:
            raise _protocol_error(error) from None
        return ListResourcesResult(
            resources=[listed(row) for row in rows["nodes"]], next_cursor=page_of(rows)
        )

    async def _list_templates(
        self, ctx: Request, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def _read_resource(self, ctx: Request, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        named = found(uri)
        row = None
        if named is not None:
            kind, key = named
            try:
                row = (await self._reader(agent_of(ctx).context).read(kind.query, id=str(key)))["found"]
            except Exception as error:
                raise _protocol_error(error) from None
        if row is None:
            raise MCPError(
                INVALID_PARAMS,
                "There is no such resource that you may see; resources/list shows projects.",
                {"uri": uri},
            )
        whole = orjson.dumps(row).decode()
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=JSON, text=whole)])

    async def _list_prompts(self, ctx: Request, params: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(prompts=PROMPTS)

    async def _get_prompt(self, ctx: Request, params: GetPromptRequestParams) -> GetPromptResult:
        try:
            answer = prompt(params.name, params.arguments or {})
        except BadInput as error:
            raise _protocol_error(error) from None
        if answer is None:
            raise MCPError(
                INVALID_PARAMS, f"There is no prompt {params.name[:100]!r}; prompts/list shows them."
            )
        return answer

    async def _listen(
        self, ctx: Request, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        try:
            return await self._listening.listen(ctx, params, agent_of(ctx).context)
        except MCPError:
            raise
        except Exception as error:
            raise _protocol_error(error) from None

    def _reader(self, context: Context) -> Reader:
        return Reader(self._own, self._api, self._documents, context)

    async def _record(self, ctx: Request, call_next: CallNext) -> HandlerResult:
        """File request and answer under the instance that they are said to be of; where none is, nowhere."""
        instance = _instance_of(ctx)
        if instance is None or ctx.request_id is None:
            return await call_next(ctx)
        principal = agent_of(ctx).principal

        def note(direction: str, message: dict[str, Any]) -> None:
            self._recorder.note(principal, instance, direction, {"jsonrpc": "2.0", **message})

        request: dict[str, Any] = {"id": ctx.request_id, "method": ctx.method}
        if ctx.params is not None:
            request["params"] = dict(ctx.params)
        note("client", request)
        try:
            result = await call_next(ctx)
        except MCPError as error:
            note("server", _failure(ctx, error.error.code, error.error.message))
            raise
        except ValidationError:
            note("server", _failure(ctx, INVALID_PARAMS, "Invalid request parameters"))
            raise
        except Exception:
            note("server", _failure(ctx, INTERNAL_ERROR, "Internal server error"))
            raise
        except BaseException:
            reason = {"requestId": ctx.request_id, "reason": "The client has closed the connection."}
            note("client", {"method": "notifications/cancelled", "params": reason})
            raise
        note("server", {"id": ctx.request_id, "result": result})
        return result


def _no_tool(name: str) -> str:
    near = get_close_matches(name[:100], TOOLS, n=1)
    meant = f"; did you mean {near[0]}?" if near else "; tools/list shows them."
    return f"There is no tool {name[:100]!r}{meant}"


def _offer(tool: AnyTool) -> ToolOffer:
    return ToolOffer(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


def _input_schema(name: str) -> dict[str, Any] | None:
    tool = TOOLS.get(name)
    return None if tool is None else tool.input_schema


def _instance_of(ctx: Request) -> UUID | None:
    """The instance that a request is of: the one its arguments name, else that of the connection."""
    arguments = (ctx.params or {}).get("arguments") if ctx.method == "tools/call" else None
    if isinstance(arguments, dict) and isinstance(arguments.get("instance"), str):
        try:
            return UUID(arguments["instance"])
        except ValueError:
            return None
    return agent_of(ctx).instance


def _failure(ctx: Request, code: int, message: str) -> dict[str, Any]:
    return {"id": ctx.request_id, "error": {"code": code, "message": message}}


def _protocol_error(error: Exception) -> MCPError:
    """The error of the protocol for requests whose answers have no place for an error."""
    problem = problem_of(error)
    code = INVALID_PARAMS if problem.code in (BadInput.code, CursorInvalid.code) else INTERNAL_ERROR
    place = f" ({problem.field})" if problem.field else ""
    return MCPError(code, f"{problem.message}{place}", {"code": problem.code, **problem.details})
