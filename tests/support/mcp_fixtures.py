"""Tools, resources and prompts for which the conformance suite of MCP asks a server that it tries.

It takes the place of `AgentServer`, so that all around it is the product's.
"""

import asyncio
import base64
import hashlib
import hmac
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    AudioContent,
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmbeddedResource,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    RequestParams,
    Resource,
    ResourceTemplate,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    Tool,
    UnsubscribeRequestParams,
)

Request: TypeAlias = ServerRequestContext[Any, Any]
Answer: TypeAlias = CallToolResult | InputRequiredResult

_MISSING_CAPABILITY: Final = -32021


def _png() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()


def _wav() -> str:
    head = (
        b"RIFF" + struct.pack("<I", 38) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    )
    return base64.b64encode(head + b"data" + struct.pack("<I", 2) + b"\x00\x00").decode()


PNG, WAV = _png(), _wav()
_KEY: Final = b"a key of a test"


def _sealed(state: str) -> str:
    return f"{state}.{hmac.new(_KEY, state.encode(), hashlib.sha256).hexdigest()}"


def _opened(sealed: str | None) -> str | None:
    """The state that came back. Raises: MCPError where it is not what was given out."""
    if sealed is None:
        return None
    state, _, _ = sealed.rpartition(".")
    if not hmac.compare_digest(_sealed(state), sealed):
        raise MCPError(INVALID_PARAMS, "This requestState was not given out by this server.")
    return state


def _said(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _form(message: str, name: str, kind: str = "string") -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def _sampling(text: str, most: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": {"type": "text", "text": text}}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": most}}


_ROOTS: Final = {"method": "roots/list", "params": {}}


def _wanted(requests: dict[str, Any], state: str | None = None) -> InputRequiredResult:
    given: dict[str, Any] = {"resultType": "input_required", "inputRequests": requests}
    if state is not None:
        given["requestState"] = _sealed(state)
    return InputRequiredResult.model_validate(given)


def _responses(params: Any) -> dict[str, Any]:
    found = params.input_responses or {}
    return {
        name: response.model_dump(by_alias=True, exclude_none=True)
        if hasattr(response, "model_dump")
        else response
        for name, response in found.items()
    }


class FixtureServer:
    """Stands where the product has `AgentServer`."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._bus = InMemorySubscriptionBus()
        self.protocol: Server[Any] = Server(
            "fixtures",
            version="1",
            get_tool_input_schema=_SCHEMAS.get,
            on_list_tools=self._list_tools,
            on_call_tool=self._call,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._prompt,
            on_completion=self._complete,
            on_subscriptions_listen=ListenHandler(self._bus),
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
        )
        self.protocol.add_request_handler("logging/setLevel", RequestParams, self._set_level)
        self.protocol.middleware.clear()

    async def _list_tools(self, ctx: Request, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Tool(name=name, description=name, input_schema=_SCHEMAS.get(name, {"type": "object"}))
                for name in _TOOLS
            ],
            ttl_ms=1_000,
        )

    async def _call(self, ctx: Request, params: CallToolRequestParams) -> Answer:
        run = _TOOLS.get(params.name)
        if run is None:
            raise MCPError(INVALID_PARAMS, "There is no such tool.")
        if params.name == "test_trigger_tool_change":
            await self._bus.publish(ToolsListChanged())
        if params.name == "test_trigger_prompt_change":
            await self._bus.publish(PromptsListChanged())
        return await run(ctx, params)

    async def _list_resources(
        self, ctx: Request, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        names = ("static-text", "static-binary", "watched-resource")
        return ListResourcesResult(
            resources=[Resource(name=name, uri=f"test://{name}") for name in names], ttl_ms=1_000
        )

    async def _list_templates(
        self, ctx: Request, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        template = ResourceTemplate(name="template", uri_template="test://template/{id}/data")
        return ListResourceTemplatesResult(resource_templates=[template], ttl_ms=1_000)

    async def _read(self, ctx: Request, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        content: TextResourceContents | BlobResourceContents
        if uri == "test://static-binary":
            content = BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
        elif uri.startswith("test://template/"):
            key = uri.split("/")[3]
            text = f'{{"id":"{key}","templateTest":true,"data":"Data for ID: {key}"}}'
            content = TextResourceContents(uri=uri, mime_type="application/json", text=text)
        elif uri in ("test://static-text", "test://watched-resource"):
            text = "This is the content of the static text resource."
            content = TextResourceContents(uri=uri, mime_type="text/plain", text=text)
        else:
            raise MCPError(INVALID_PARAMS, "There is no such resource.", {"uri": uri})
        return ReadResourceResult(contents=[content], ttl_ms=1_000)

    async def _list_prompts(self, ctx: Request, params: PaginatedRequestParams | None) -> ListPromptsResult:
        def arguments(*names: str) -> list[PromptArgument]:
            return [PromptArgument(name=name, required=True) for name in names]

        given = {
            "test_simple_prompt": arguments(),
            "test_prompt_with_arguments": arguments("arg1", "arg2"),
            "test_prompt_with_embedded_resource": arguments("resourceUri"),
            "test_prompt_with_image": arguments(),
            "test_input_required_result_prompt": arguments(),
        }
        return ListPromptsResult(
            prompts=[Prompt(name=name, description=name, arguments=each) for name, each in given.items()],
            ttl_ms=1_000,
        )

    async def _prompt(
        self, ctx: Request, params: GetPromptRequestParams
    ) -> GetPromptResult | InputRequiredResult:
        def told(*contents: Any) -> GetPromptResult:
            return GetPromptResult(
                messages=[PromptMessage(role="user", content=content) for content in contents]
            )

        def words(text: str) -> TextContent:
            return TextContent(type="text", text=text)

        given = params.arguments or {}
        match params.name:
            case "test_simple_prompt":
                return told(words("This is a simple prompt for testing."))
            case "test_prompt_with_arguments":
                return told(words(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
            case "test_prompt_with_embedded_resource":
                text = "Embedded resource content for testing."
                resource = TextResourceContents(uri=given["resourceUri"], mime_type="text/plain", text=text)
                return told(
                    EmbeddedResource(type="resource", resource=resource),
                    words("Please process the embedded resource above."),
                )
            case "test_prompt_with_image":
                image = ImageContent(type="image", data=PNG, mime_type="image/png")
                return told(image, words("Please analyze the image above."))
            case "test_input_required_result_prompt":
                if "user_context" not in _responses(params):
                    return _wanted({"user_context": _form("What context should the prompt use?", "context")})
                return told(words("With the context that was given."))
        raise MCPError(INVALID_PARAMS, "There is no such prompt.")

    async def _complete(self, ctx: Request, params: CompleteRequestParams) -> CompleteResult:
        return CompleteResult(
            completion=Completion(values=["paris", "park", "party"], total=3, has_more=False)
        )

    async def _set_level(self, ctx: Request, params: RequestParams) -> EmptyResult:
        return EmptyResult()

    async def _subscribe(self, ctx: Request, params: SubscribeRequestParams) -> EmptyResult:
        return EmptyResult()

    async def _unsubscribe(self, ctx: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        return EmptyResult()


async def _text(ctx: Request, params: CallToolRequestParams) -> Answer:
    return _said("This is a simple text response for testing.")


async def _image(ctx: Request, params: CallToolRequestParams) -> Answer:
    return CallToolResult(content=[ImageContent(type="image", data=PNG, mime_type="image/png")])


async def _audio(ctx: Request, params: CallToolRequestParams) -> Answer:
    return CallToolResult(content=[AudioContent(type="audio", data=WAV, mime_type="audio/wav")])


async def _embedded(ctx: Request, params: CallToolRequestParams) -> Answer:
    text = "This is an embedded resource content."
    resource = TextResourceContents(uri="test://embedded-resource", mime_type="text/plain", text=text)
    return CallToolResult(content=[EmbeddedResource(type="resource", resource=resource)])


async def _mixed(ctx: Request, params: CallToolRequestParams) -> Answer:
    resource = TextResourceContents(
        uri="test://mixed-content-resource", mime_type="application/json", text='{"test":"data","value":123}'
    )
    return CallToolResult(
        content=[
            TextContent(type="text", text="Multiple content types test:"),
            ImageContent(type="image", data=PNG, mime_type="image/png"),
            EmbeddedResource(type="resource", resource=resource),
        ]
    )


async def _logging(ctx: Request, params: CallToolRequestParams) -> Answer:
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", text, related_request_id=ctx.request_id)
        await asyncio.sleep(0.05)
    return _said("Done.")


async def _error(ctx: Request, params: CallToolRequestParams) -> Answer:
    text = "This tool intentionally returns an error for testing"
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


async def _progress(ctx: Request, params: CallToolRequestParams) -> Answer:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100)
        await asyncio.sleep(0.05)
    return _said("Done.")


async def _elicitation(ctx: Request, params: CallToolRequestParams) -> Answer:
    response = _responses(params).get("user_name")
    if not isinstance(response, dict) or "name" not in (response.get("content") or {}):
        return _wanted({"user_name": _form("What is your name?", "name")})
    return _said(f"Hello, {response['content']['name']}!")


async def _sample(ctx: Request, params: CallToolRequestParams) -> Answer:
    response = _responses(params).get("capital_question")
    if response is None:
        return _wanted({"capital_question": _sampling("What is the capital of France?", 100)})
    return _said(str(response["content"]))


async def _list_roots(ctx: Request, params: CallToolRequestParams) -> Answer:
    response = _responses(params).get("client_roots")
    return _wanted({"client_roots": _ROOTS}) if response is None else _said(str(response["roots"]))


async def _state(ctx: Request, params: CallToolRequestParams) -> Answer:
    if _opened(params.request_state) is None or "confirm" not in _responses(params):
        return _wanted({"confirm": _form("Please confirm", "ok", "boolean")}, "confirming")
    return _said("state-ok")


async def _several(ctx: Request, params: CallToolRequestParams) -> Answer:
    requests = {
        "user_name": _form("What is your name?", "name"),
        "greeting": _sampling("Generate a greeting", 50),
        "client_roots": _ROOTS,
    }
    if _opened(params.request_state) is None or not requests.keys() <= _responses(params).keys():
        return _wanted(requests, "several")
    return _said("All of them.")


async def _rounds(ctx: Request, params: CallToolRequestParams) -> Answer:
    state, responses = _opened(params.request_state), _responses(params)
    if state == "2" and "step2" in responses:
        return _said("Both rounds.")
    if state == "1" and "step1" in responses:
        return _wanted({"step2": _form("Step 2: What is your favorite color?", "color")}, "2")
    return _wanted({"step1": _form("Step 1: What is your name?", "name")}, "1")


async def _capabilities(ctx: Request, params: CallToolRequestParams) -> Answer:
    """Asks for what the client has said it can do, and for nothing else."""
    declared = ctx.session.client_capabilities
    requests = {}
    if declared is not None and declared.elicitation is not None:
        requests["user_name"] = _form("What is your name?", "name")
    if declared is not None and declared.sampling is not None:
        requests["greeting"] = _sampling("Generate a greeting", 50)
    return _wanted(requests) if requests else _said("Nothing can be asked.")


async def _missing(ctx: Request, params: CallToolRequestParams) -> Answer:
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            _MISSING_CAPABILITY, "This needs sampling.", {"requiredCapabilities": {"sampling": {}}}
        )
    return _said("Done.")


_TOOLS: Final[dict[str, Callable[[Request, CallToolRequestParams], Awaitable[Answer]]]] = {
    "test_simple_text": _text,
    "test_image_content": _image,
    "test_audio_content": _audio,
    "test_embedded_resource": _embedded,
    "test_multiple_content_types": _mixed,
    "test_tool_with_logging": _logging,
    "test_logging_tool": _logging,
    "test_error_handling": _error,
    "test_tool_with_progress": _progress,
    "test_streaming_elicitation": _progress,
    "test_missing_capability": _missing,
    "test_trigger_tool_change": _text,
    "test_trigger_prompt_change": _text,
    "test_input_required_result_elicitation": _elicitation,
    "test_input_required_result_sampling": _sample,
    "test_input_required_result_list_roots": _list_roots,
    "test_input_required_result_request_state": _state,
    "test_input_required_result_tampered_state": _state,
    "test_input_required_result_multiple_inputs": _several,
    "test_input_required_result_multi_round": _rounds,
    "test_input_required_result_capabilities": _capabilities,
    "json_schema_2020_12_tool": _text,
    "test_custom_header": _text,
}
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
    "test_custom_header": {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": ["region"],
    },
}
