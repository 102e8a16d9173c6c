"""What a browser gets, and a program does not: files, the page behind every address, the policy of both."""

import gzip
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from app.dashboard.files import built_files
from app.dashboard.pages import Dashboard
from app.health import healthz

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>fleet</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (assets / "home-1a2b.js").write_text("export {};")
    (assets / "home-1a2b.js.gz").write_bytes(gzip.compress(b"export {};"))
    return tmp_path


@pytest.fixture
async def http(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/healthz", healthz)])
    app.router.default = Dashboard(built_files(folder))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/index.html", "/sessions/1f", "/board?project=a", "/no/such/page"])
async def test_a_browser_gets_the_page_at_every_address(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path, headers=BROWSER)

    assert page.status_code == 200
    assert page.text == "<!doctype html><title>fleet</title>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.1, application/json"])
async def test_a_program_gets_404_where_there_is_nothing(http: httpx.AsyncClient, accept: str) -> None:
    assert (await http.get("/no/such/page", headers={"accept": accept})).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_but_reading_is_answered(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, "/", headers=BROWSER)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../pages.py", "/..%2Fpages.py", "/assets/../../pages.py", "/assets/home-1a2b.js.gz"]
)
async def test_no_other_file_is_sent(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_a_file_whose_name_has_its_hash_is_kept_for_good_and_comes_compressed(
    http: httpx.AsyncClient,
) -> None:
    plain = await http.get("/assets/home-1a2b.js", headers={"accept-encoding": "identity"})
    zipped = await http.get("/assets/home-1a2b.js", headers={"accept-encoding": "br, gzip"})

    assert plain.text == zipped.text == "export {};"
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    for response in (plain, zipped):
        assert response.headers["content-type"].startswith("text/javascript")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["vary"] == "accept-encoding"


async def test_what_every_visit_needs_is_sent_from_memory_and_the_rest_from_the_disk(
    folder: Path,
) -> None:
    (folder / "index.html").write_text('<script src="/assets/start-3c4d.js"></script>')
    (folder / "assets/start-3c4d.js").write_text("begin();")
    (folder / "assets/start-3c4d.js.gz").write_bytes(gzip.compress(b"begin();"))
    files = built_files(folder)
    app = Starlette()
    app.router.default = Dashboard(files)
    (folder / "index.html").unlink()
    (folder / "assets/start-3c4d.js").unlink()
    (folder / "assets/start-3c4d.js.gz").unlink()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        page = await client.get("/", headers=BROWSER)
        plain = await client.get("/assets/start-3c4d.js", headers={"accept-encoding": "identity"})
        zipped = await client.get("/assets/start-3c4d.js", headers={"accept-encoding": "gzip"})

    assert "start-3c4d" in page.text
    assert plain.text == zipped.text == "begin();"
    assert zipped.headers["content-encoding"] == "gzip"
    assert {name for name, file in files.items() if not file.kept} == {"icon.svg", "assets/home-1a2b.js"}


async def test_what_the_browser_has_is_not_sent_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/", headers=BROWSER)

    again = await http.get("/", headers=BROWSER | {"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""


async def test_the_policy_names_no_other_host_and_no_script_within_a_page(
    http: httpx.AsyncClient, folder: Path
) -> None:
    page = await http.get("/", headers=BROWSER)
    for policy in (
        page.headers["content-security-policy"],
        dict(Dashboard(built_files(folder)).graphiql.headers)[b"content-security-policy"].decode(),
    ):
        allowed = {name: rest for name, *rest in (part.split() for part in policy.split("; "))}
        assert allowed["default-src"] == allowed["frame-ancestors"] == allowed["base-uri"] == ["'none'"]
        assert allowed["script-src"] == allowed["connect-src"] == allowed["worker-src"] == ["'self'"]
        assert {source for sources in allowed.values() for source in sources} <= {
            "'none'",
            "'self'",
            "'unsafe-inline'",
            "data:",
        }
    assert "unsafe-inline" not in page.headers["content-security-policy"]


async def test_a_server_without_built_files_says_how_to_build_them(tmp_path: Path) -> None:
    app = Starlette()
    dashboard = Dashboard(built_files(tmp_path))
    app.router.default = dashboard
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        page = await client.get("/", headers=BROWSER)

    assert page.status_code == dashboard.graphiql.status == 503
    assert "make dashboard" in page.text
    assert "make dashboard" in dashboard.graphiql.body.decode()


async def test_a_websocket_elsewhere_is_refused(folder: Path) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    await Dashboard(built_files(folder))({"type": "websocket", "path": "/elsewhere"}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
