"""The page at /graphql for browsers, and the files that it needs from us."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from app.graphiql.assets import ASSETS, Asset, require_complete

_HERE = Path(__file__).parent
_OWN_FILES = ("ide.css", "ide.js")
_PLACEHOLDER = "<!-- assets -->"


class Ide:
    """GraphiQL with a login. `folder` has the files that `ccgraph ide-assets` wrote; None: from the CDN.

    StartupError when the folder is incomplete.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            require_complete(folder)
        self._folder = folder
        tags = "\n    ".join(_tag(asset, local=folder is not None) for asset in ASSETS)
        self.page = (_HERE / "page.html").read_text().replace(_PLACEHOLDER, tags).encode()
        scripts, styles = ("" if folder is not None else _sources(end) for end in (".js", ".css"))
        self.headers = (
            # GraphiQL's editor writes style elements, so styles cannot be held to files.
            (
                b"content-security-policy",
                f"default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'{styles}; "
                "font-src data:; img-src 'self' data:; connect-src 'self'; form-action 'none'; "
                "base-uri 'none'; frame-ancestors 'none'".encode(),
            ),
            (b"referrer-policy", b"no-referrer"),
        )

    @property
    def routes(self) -> list[Route]:
        """Where the page finds its files: beside /graphql, so that a path in front of both does no harm."""
        return [Route("/graphiql/{name}", self._file, methods=["GET"])]

    async def _file(self, request: Request) -> FileResponse:
        name = request.path_params["name"]
        if name in _OWN_FILES:
            return FileResponse(_HERE / name, headers={"cache-control": "no-cache"})
        if self._folder is not None and name in {asset.name for asset in ASSETS}:
            return FileResponse(self._folder / name, headers={"cache-control": "public, max-age=86400"})
        raise HTTPException(404)


def _sources(end: str) -> str:
    """The very files, for the host has everybody's (Content Security Policy, 6.7.2.12: paths)."""
    return "".join(f" {asset.url}" for asset in ASSETS if asset.name.endswith(end))


def _tag(asset: Asset, *, local: bool) -> str:
    address = f"graphiql/{asset.name}" if local else asset.url
    check = f'integrity="{asset.integrity}" crossorigin="anonymous"'
    if asset.name.endswith(".css"):
        return f'<link rel="stylesheet" href="{address}" {check}>'
    return f'<script defer src="{address}" {check}></script>'
