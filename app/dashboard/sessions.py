"""Logins of browsers at `/session`: the refresh token is in a cookie that no script reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.admission.headers import Headers, read_headers
from app.admission.origins import Origins
from app.admission.request import ClientGone, HttpRefusal, parse_body, read_body, require_json
from app.connections.auth import origin
from app.http.response import Answer, answer_exception, error_body
from gql.context import Context
from gql.errors import BAD_USER_INPUT
from services.accounts.login import log_in, refresh
from services.accounts.personal_tokens import log_out, log_out_everywhere
from services.accounts.token_store import TokenPair
from services.core.errors import BadInput, Unauthenticated
from services.core.principal import Origin, Principal
from services.writing.action import AnonymousAction

LEEWAY: Final = timedelta(seconds=10)
"""How long a spent refresh token is still exchanged: two tabs may have sent it, or the answer was lost."""
_MAXIMUM_BODY: Final = 20_000
_OWN_PAGES: Final = Origins()

OpenContext: TypeAlias = Callable[[Origin, Principal | None], Context]


@dataclass(frozen=True, slots=True)
class _Cookie:
    """The cookie of this server, of which there may be several on one host: cookies know no ports."""

    name: str
    path: str
    secure: bool

    @classmethod
    def of(cls, request: Request) -> "_Cookie":
        """Over TLS with the prefix that keeps neighbouring hosts from setting it (RFC 6265bis, 4.1.3.2)."""
        if request.url.scheme == "https":
            return cls("__Host-ccgraph", "/", secure=True)
        return cls(f"ccgraph-{request.url.port or 80}", "/session", secure=False)

    def keep(self, response: Response, pair: TokenPair, policy_lifetime: timedelta) -> None:
        """Let the browser keep the refresh token."""
        self._set(response, pair.refresh.token, int(policy_lifetime.total_seconds()))

    def drop(self, response: Response) -> None:
        """Let the browser forget it."""
        self._set(response, "", 0)

    def _set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.name, value, seconds, path=self.path, secure=self.secure, httponly=True, samesite="strict"
        )


class BrowserSessions:
    """Log in, take the next access token, log out. The page keeps the access token in memory.

    Each is a POST of JSON from a page of this server's own: what another page sends is refused, and brings no
    cookie either. `graphiql` says whether there is a page at /graphql.
    """

    def __init__(self, open_context: OpenContext, *, graphiql: bool) -> None:
        self._open_context = open_context
        self._graphiql = graphiql

    async def log_in(self, request: Request, context: Context, parameters: dict[str, object]) -> Response:
        """`{"username", "password"}`; 401 when they are wrong, 429 after too many attempts."""
        username, password = (_text(parameters, name) for name in ("username", "password"))
        action = _action(context, "login")
        pair = await log_in(action, context.tokens, username, password, context.admit)
        return self._session(request, context, pair)

    async def renew(self, request: Request, context: Context, parameters: dict[str, object]) -> Response:
        """The next access token; nulls where the browser has no login, or one that has ended."""
        pair = await _exchanged(request, context)
        return self._session(request, context, pair)

    async def end(self, request: Request, context: Context, parameters: dict[str, object]) -> Response:
        """Log out here, or with `{"everywhere": true}` in every browser and program of the account."""
        everywhere = parameters.get("everywhere", False)
        if not isinstance(everywhere, bool):
            raise BadInput("`everywhere` is true or false.", field="everywhere")
        pair = await _exchanged(request, context)
        if pair is not None:
            if everywhere:
                await log_out_everywhere(_action(context, "logoutEverywhere").of(pair.holder))
            else:
                await log_out(_action(context, "logout").of(pair.holder))
        return self._session(request, context, None)

    async def answer(self, request: Request) -> Response:
        """Answer any of them, with the errors of the API."""
        headers = read_headers(request.scope["headers"])
        came_from = origin(request.scope["client"], headers)
        try:
            _require_own_page(headers)
            require_json(headers)
            parameters = _object(await read_body(headers, request.receive, _MAXIMUM_BODY, None))
            context = self._open_context(came_from, None)
            steps = {"/session": self.log_in, "/session/renew": self.renew, "/session/end": self.end}
            response = await steps[request.url.path](request, context, parameters)
        except ClientGone:
            return Response(status_code=400)
        except HttpRefusal as refusal:
            entry = {"message": refusal.message, "extensions": {"code": BAD_USER_INPUT}}
            response = _refused(Answer(refusal.status, error_body(entry), refusal.headers))
        except Exception as error:
            response = _refused(answer_exception(error))
        response.headers.update({"cache-control": "no-store", "x-request-id": came_from.request_text})
        return response

    def _session(self, request: Request, context: Context, pair: TokenPair | None) -> Response:
        """The answer that says who is logged in, with the cookie; None ends the session of the browser."""
        told: dict[str, object] = {
            "graphiql": self._graphiql,
            "accessToken": None,
            "expiresIn": None,
            "user": None,
        }
        if pair is not None:
            holder = pair.holder
            told["accessToken"] = pair.access.token
            # Not a time: the clock of the browser may be wrong.
            told["expiresIn"] = int(context.tokens.access_lifetime.total_seconds())
            told["user"] = {"id": holder.user_id, "username": holder.username, "isAdmin": holder.is_admin}
        response = Response(orjson.dumps(told), media_type="application/json")
        cookie = _Cookie.of(request)
        if pair is not None:
            cookie.keep(response, pair, context.tokens.refresh_lifetime)
        elif cookie.name in request.cookies:
            cookie.drop(response)
        return response


async def _answer(request: Request) -> Response:
    sessions: BrowserSessions = request.app.state.api.sessions
    return await sessions.answer(request)


ROUTES: Final = tuple(
    Route(path, _answer, methods=["POST"]) for path in ("/session", "/session/renew", "/session/end")
)


async def _exchanged(request: Request, context: Context) -> TokenPair | None:
    """The next tokens for those of the cookie; None where there are none, or no good ones."""
    token = request.cookies.get(_Cookie.of(request).name)
    if not token:
        return None
    action = _action(context, "refreshToken")
    try:
        return await refresh(action, context.tokens, token, context.admit, leeway=LEEWAY)
    except Unauthenticated:
        return None


def _action(context: Context, name: str) -> AnonymousAction:
    return AnonymousAction(context.database, context.origin, name, context.sealing())


def _object(body: bytes) -> dict[str, object]:
    parameters = parse_body(body)
    if not isinstance(parameters, dict):
        raise BadInput("Send a JSON object.")
    return parameters


def _text(parameters: dict[str, object], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str):
        raise BadInput(f"`{name}` is a string.", field=name)
    return value


def _require_own_page(headers: Headers) -> None:
    """403 unless a page of this server asks, or a program, which says nothing of either kind."""
    site = headers.get(b"sec-fetch-site", b"same-origin")
    if site != b"same-origin" or not _OWN_PAGES.allow(headers):
        raise HttpRefusal(
            403, "Only the pages of this server log in here; programs use the mutation `login`."
        )


def _refused(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, media_type="application/json")
    response.headers.update({name.decode(): value.decode() for name, value in answer.headers})
    return response
