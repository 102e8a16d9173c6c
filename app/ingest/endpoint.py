"""Receives records of Claude Code: one plain ASGI application, as each layer costs a hook time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import structlog
from starlette.types import Receive, Scope, Send

from app.admission.headers import Headers, read_headers
from app.admission.request import ClientGone, HttpRefusal, discard_body
from app.connections.auth import bearer, origin
from app.ingest.answers import JSON, PROTOBUF, Reply, fault, json_reply, refusal, send_reply
from app.ingest.bodies import is_long, read_decoded
from app.ingest.recording import McpTraffic, read_traffic
from models.enums import PermissionDecision, TokenType
from services.accounts.authentication import Authenticator
from services.core.database import PrimaryPool
from services.core.errors import Unauthenticated
from services.core.fair_shares import FairShares
from services.core.json_codec import read_stored
from services.core.principal import Origin, Principal
from services.ingest import seen
from services.ingest.budgets import Budgets
from services.ingest.hooks import read_hooks, read_processes
from services.ingest.metadata import without_content
from services.ingest.otlp import SIGNALS, Signal, answer_json, answer_protobuf, read_otlp, read_protobuf
from services.ingest.received import Intake, read_value
from services.ingest.storing import Store, Stored
from services.ingest.transcripts import read_transcript
from services.secrets.masking import off_the_loop

log = structlog.get_logger(__name__)

PREFIXES: Final = ("/ingest/", "/v1/")
"""Paths that are the receivers' own."""

MOST_DISCARDED: Final = 256_000_000
"""Bytes of a body past the limit that are read, so that the client reads why it is refused."""

READ_AT_A_TIME: Final = 2
"""Long requests of a person whose bodies are read at a time."""

MOST_UNREAD: Final = 200
"""Long requests of a person that wait unread."""

LONGEST_WAIT: Final = 20.0
"""Seconds that they wait."""

PERMISSION_REQUEST: Final = "PermissionRequest"
"""The event whose hook a person may answer remotely."""

_CLAUDE_CODE: Final = "/ingest/claude-code/"


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of a person."""

    scope: Scope
    receive: Receive
    headers: Headers
    principal: Principal
    origin: Origin
    at: datetime


class Decision(Protocol):
    """A person's remote answer to a request for a permission."""

    @property
    def decision(self) -> PermissionDecision:
        """ALLOW or DENY."""

    @property
    def message(self) -> str | None:
        """The text that Claude is given with the decision, with secrets masked."""


Hold = Callable[[Principal, Origin, Mapping[str, Any], datetime], Awaitable[Decision | None]]
"""Waits for the answer to a hook of a PermissionRequest, as it was stored at a time.

None lets the terminal ask. It is cancelled when the client goes away.
"""

Handler = Callable[["IngestEndpoint", _Request], Awaitable[Reply]]


class IngestEndpoint:
    """All receivers. `maximum_body` is in bytes; without `content` metadata is kept only."""

    def __init__(
        self,
        authenticator: Authenticator,
        budgets: Budgets,
        store: Store,
        primary: PrimaryPool,
        traffic: McpTraffic,
        *,
        maximum_body: int,
        content: bool,
        hold: Hold | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._budgets = budgets
        self._store = store
        self._primary = primary
        self._traffic = traffic
        self._maximum_body = maximum_body
        self._content = content
        self._hold = hold
        self._reading = FairShares(READ_AT_A_TIME, most_waiting=MOST_UNREAD, longest_wait=LONGEST_WAIT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = read_headers(scope["headers"])
        where = origin(scope["client"], headers)
        path: str = scope["path"]
        otlp = _otlp_type(headers) if path.startswith("/v1/") else None
        before_end = None
        try:
            reply = await self._answer(scope, receive, headers, path, where)
        except ClientGone:
            return
        except Exception as error:
            told = refusal(error, otlp=otlp)
            if told is None:
                log.exception("ingest_failed", path=path, request_id=where.request_text)
            reply = told or fault(otlp)
            if isinstance(error, HttpRefusal) and error.still_sending:
                before_end = partial(discard_body, receive, MOST_DISCARDED)
        await send_reply(scope, send, reply, where.request_text, before_end)

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, path: str, where: Origin
    ) -> Reply:
        handlers = _HANDLERS.get(path)
        if handlers is None:
            raise HttpRefusal(404, f"There is no receiver at {path[:100]}; docs/ingest.md lists them.")
        handler = handlers.get(scope["method"])
        if handler is None:
            allowed = ", ".join(handlers)
            raise HttpRefusal(405, f"Use {allowed} here.", ((b"allow", allowed.encode()),))
        principal = await self._caller(headers)
        return await handler(self, _Request(scope, receive, headers, principal, where, datetime.now(UTC)))

    async def _caller(self, headers: Headers) -> Principal:
        token = bearer(headers.get(b"authorization", b"").decode("latin-1"))
        if token is None:
            raise Unauthenticated(
                "Send `Authorization: Bearer <token>` with an ingest token; `ccgraph connect` makes one."
            )
        return await self._authenticator.authenticate(token, TokenType.INGEST)

    async def hooks(self, request: _Request) -> Reply:
        """Hooks: 204 for one, and for an array how many were stored."""
        several = False
        delivery = request.headers.get(b"ccgraph-hook", b"").decode("latin-1") or None

        def read(body: bytes) -> Intake:
            nonlocal several
            value = read_value(body)
            several = isinstance(value, list)
            return read_hooks(value, request.at, delivery)

        intake, stored = await self._take(request, read)
        if several:
            return _counts(intake)
        if self._hold is None or intake.records[0].event != PERMISSION_REQUEST:
            return Reply(204)
        return await self._held(request, self._hold, read_stored(stored.bodies[0]))

    async def _held(self, request: _Request, hold: Hold, hook: Mapping[str, Any]) -> Reply:
        """The remote answer of a person; 204 where there is none, and the terminal asks.

        Raises: ClientGone, when Claude Code does not wait any longer.
        """
        answering = asyncio.ensure_future(hold(request.principal, request.origin, hook, request.at))
        leaving = asyncio.ensure_future(_gone(request.receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise ClientGone
            given = answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.wait((answering, leaving))
        if given is None:
            return Reply(204)
        decision: dict[str, str] = {"behavior": given.decision.value}
        if given.message is not None and given.decision is PermissionDecision.DENY:
            decision["message"] = given.message
        told = {"hookEventName": PERMISSION_REQUEST, "decision": decision}
        return json_reply({"hookSpecificOutput": told})

    async def transcripts(self, request: _Request) -> Reply:
        """Lines of a transcript: how many were stored, and how many bytes of it are known."""
        intake, stored = await self._take(request, lambda body: read_transcript(read_value(body)))
        return _counts(intake, offset=stored.known)

    async def known(self, request: _Request) -> Reply:
        """Answer with the number of bytes of a transcript that are known."""
        query = parse_qs(request.scope["query_string"].decode("latin-1"))
        files = query.get("file", [])
        if len(files) != 1:
            raise HttpRefusal(400, "Ask for one file: `?file=<path below the projects folder>`.")
        person = request.principal.user_id
        return json_reply(
            {"offset": await seen.known_bytes(self._primary, person, files[0].replace("\0", ""))}
        )

    async def processes(self, request: _Request) -> Reply:
        """Store the list of processes that live."""
        intake, _ = await self._take(request, lambda body: read_processes(read_value(body), request.at))
        return _counts(intake)

    async def recent(self, request: _Request) -> Reply:
        """Answer with the records that have come of the person so far."""
        found = await seen.recent(self._primary, request.principal.user_id)
        sources: dict[str, Any] = {}
        hooks: dict[str, Any] = {}
        for one in found.seen:
            entry = {
                "received": one.received,
                "refused": one.refused,
                "last_at": one.last_at.isoformat(),
                "clock_skew_seconds": one.clock_skew,
            }
            if one.event:
                hooks[one.event] = entry
            else:
                sources[one.source.value] = entry
        return json_reply(
            {
                "now": found.now.isoformat(),
                "hooks": hooks,
                "sources": sources,
                "waiting": {
                    "records": found.waiting,
                    "oldest_at": None if found.oldest is None else found.oldest.isoformat(),
                },
                "failed": {"records": found.failed, "last_error": found.error},
            }
        )

    async def export(self, request: _Request, signal: Signal) -> Reply:
        """An export of OpenTelemetry, answered in the type that it came in."""
        content_type = _otlp_type(request.headers)
        if content_type is None:
            raise HttpRefusal(415, "Send OTLP as application/json or application/x-protobuf.")

        def read(body: bytes) -> Intake:
            if content_type == PROTOBUF:
                return read_protobuf(signal, body, request.at)
            return read_otlp(signal, read_value(body), request.at)

        intake, _ = await self._take(request, read)
        write = answer_protobuf if content_type == PROTOBUF else answer_json
        return Reply(200, write(signal, intake, _warning(intake)), content_type)

    async def mcp(self, request: _Request) -> Reply:
        """MCP traffic of an instance: how many messages are new."""
        person = request.principal
        if not is_long(request.headers):
            return await self._record(
                request, await read_decoded(request.headers, request.receive, self._maximum_body, person)
            )
        async with self._reading.of(person.user_id):
            body = await read_decoded(request.headers, request.receive, self._maximum_body, person)
            async with self._store.place(person):
                return await self._record(request, body)

    async def _record(self, request: _Request, body: bytes) -> Reply:
        value = await off_the_loop(len(body), read_value, body)
        traffic = read_traffic(value, content=self._content)
        await self._budgets.admit(request.principal, max(len(traffic.messages), 1), len(body))
        return json_reply(await self._traffic(request.principal, request.origin, traffic))

    async def _take(self, request: _Request, read: Callable[[bytes], Intake]) -> tuple[Intake, Stored]:
        """Read a request, count it and store it; gives what was read, and what was stored."""
        person = request.principal
        if not is_long(request.headers):
            body = await read_decoded(request.headers, request.receive, self._maximum_body, person)
            return await self._keep(request, read, body)
        async with self._reading.of(person.user_id):
            body = await read_decoded(request.headers, request.receive, self._maximum_body, person)
            async with self._store.place(person):
                return await self._keep(request, read, body)

    async def _keep(
        self, request: _Request, read: Callable[[bytes], Intake], body: bytes
    ) -> tuple[Intake, Stored]:
        intake = await off_the_loop(len(body), self._read, read, body)
        await self._budgets.admit(request.principal, max(intake.units, 1), len(body))
        return intake, await self._store.store(request.principal, intake, request.at)

    def _read(self, read: Callable[[bytes], Intake], body: bytes) -> Intake:
        intake = read(body)
        if self._content:
            return intake
        records = tuple(
            replace(record, body=without_content(record.source, record.body)) for record in intake.records
        )
        return replace(intake, records=records)


async def _gone(receive: Receive) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _otlp_type(headers: Headers) -> bytes | None:
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return content_type if content_type in (JSON, PROTOBUF) else None


def _counts(intake: Intake, **more: object) -> Reply:
    """The number of stored and of unreadable units, and a warning where there is one."""
    told: dict[str, object] = {"stored": intake.units - intake.refused, "unreadable": intake.refused}
    if warning := _warning(intake):
        told["warning"] = warning
    told |= {name: value for name, value in more.items() if value is not None}
    return json_reply(told)


def _warning(intake: Intake) -> str:
    """The warning about a request that was taken; empty where there is none."""
    told = [intake.problem] if intake.problem else []
    if intake.skew is not None:
        seconds = intake.skew.total_seconds()
        where = "ahead of" if seconds > 0 else "behind"
        told.append(f"The client's clock is {abs(seconds):.0f} s {where} the server's; set it by NTP.")
    return " ".join(told)


def _export(signal: Signal) -> Handler:
    async def export(endpoint: IngestEndpoint, request: _Request) -> Reply:
        return await endpoint.export(request, signal)

    return export


_HANDLERS: Final[Mapping[str, Mapping[str, Handler]]] = {
    f"{_CLAUDE_CODE}hooks": {"POST": IngestEndpoint.hooks},
    f"{_CLAUDE_CODE}transcripts": {"POST": IngestEndpoint.transcripts, "GET": IngestEndpoint.known},
    f"{_CLAUDE_CODE}processes": {"POST": IngestEndpoint.processes},
    "/ingest/mcp": {"POST": IngestEndpoint.mcp},
    f"{_CLAUDE_CODE}recent": {"GET": IngestEndpoint.recent},
    **{f"/v1/{name}": {"POST": _export(signal)} for name, signal in SIGNALS.items()},
}
