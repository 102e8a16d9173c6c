"""Responses for browsers at `/`, at every other address of the dashboard, and at `/graphql`."""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.dashboard.files import IDENTITY, INDEX, BuiltFile, built_files
from app.http.endpoint import BrowserPage
from app.http.negotiation import accepted, coding

_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_POLICY: Final = (
    f"{_NOTHING}; script-src 'self'; style-src 'self'{{styles}}; img-src 'self' data:; "
    f"font-src 'self'{{fonts}}; connect-src 'self'; worker-src 'self'; manifest-src 'self'"
)
POLICY: Final = _POLICY.format(styles="", fonts="")
"""Content-Security-Policy of the dashboard: nothing from another host, no script or style within a page."""
GRAPHIQL_POLICY: Final = _POLICY.format(styles=" 'unsafe-inline'", fonts=" data:")
"""The same for /graphql, where the editor writes style elements of its own, with its fonts in them."""

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ccgraph: the dashboard is not built</title>
<h1>The dashboard is not built</h1>
<p>The API works: send GraphQL to <code>/graphql</code>. The pages for browsers are made of the folder
<code>dashboard/</code> of the source by</p>
<pre>make dashboard</pre>
<p>which takes Node.js from this machine where it is 22.12 or newer, and from PyPI otherwise. Start the server
again afterwards. Wheels and images carry the built pages.</p>
</html>
"""


class Dashboard:
    """The ASGI application behind all addresses that no route has.

    A file is sent where its path is asked for, and the page where a browser asks for any other path: the page
    itself knows what there is. What is not from a browser gets 404.
    """

    def __init__(self, files: Mapping[str, BuiltFile] | None = None) -> None:
        self._files = built_files() if files is None else files
        index = self._files.get(INDEX)
        page = index.path.read_bytes() if index else _NOT_BUILT.encode()
        headers = _ALWAYS | {"content-security-policy": GRAPHIQL_POLICY}
        self.graphiql = BrowserPage(
            200 if index else 503, page, tuple((k.encode(), v.encode()) for k, v in headers.items())
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no file and no page is refused as the router would."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        response = self._response(Request(scope, receive))
        await response(scope, receive, send)

    def _response(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(404)
        name = request.url.path.removeprefix("/")
        file = self._files.get(name)
        if file is not None and name != INDEX:
            return _file(file, request.headers)
        if not accepted(request.headers.get("accept", "")).html:
            raise HTTPException(404)
        headers = _ALWAYS | {"content-security-policy": POLICY}
        index = self._files.get(INDEX)
        if index is None:
            return HTMLResponse(_NOT_BUILT, 503, headers | {"cache-control": "no-store"})
        return _file(index, request.headers, headers)


def _file(file: BuiltFile, asked: Headers, headers: Mapping[str, str] = _ALWAYS) -> Response:
    """The file, or 304 where the browser has it, in the best compression that it accepts."""
    cache = "public, max-age=31536000, immutable" if file.immutable else "no-cache"
    sent = {**headers, "cache-control": cache, "vary": "accept-encoding", "etag": file.etag}
    if file.etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=sent)
    # zstd is offered for answers that are made at once; of files there are copies in the other two.
    chosen = next((name for name in ("br", "gzip") if name in file.compressed and _takes(asked, name)), None)
    if chosen is not None:
        sent["content-encoding"] = chosen
    if file.kept:
        return Response(file.kept[chosen or IDENTITY], headers=sent, media_type=file.media_type)
    path = file.compressed[chosen] if chosen else file.path
    return FileResponse(path, headers=sent, media_type=file.media_type)


def _takes(asked: Headers, name: str) -> bool:
    return coding(asked.get("accept-encoding", ""), (name,)) is not None
