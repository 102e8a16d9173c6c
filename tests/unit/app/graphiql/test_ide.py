"""The page for browsers: where its files come from, and that none of them can be exchanged unnoticed."""

import base64
import re
from pathlib import Path

import pytest

from app.config.errors import StartupError
from app.graphiql.assets import ASSETS, require_complete
from app.graphiql.page import Ide


def test_every_file_from_the_network_is_pinned_and_checked_by_the_browser() -> None:
    page = Ide(None).page.decode()

    for asset in ASSETS:
        assert f'"{asset.url}" integrity="{asset.integrity}" crossorigin' in page
        assert re.search(r"@\d+\.\d+\.\d+/", asset.url), "a range of versions changes what the hash is of"
        assert len(base64.b64decode(asset.integrity.removeprefix("sha384-"), validate=True)) == 48
    assert page.count("https://") == len(ASSETS)


def test_no_script_stands_in_the_page_itself() -> None:
    page = Ide(None).page.decode()

    assert re.findall(r"<script(?! defer src=)", page) == []
    assert re.findall(r"\son\w+=|javascript:", page) == []


def test_the_page_may_load_scripts_from_nowhere_else() -> None:
    policy = dict(Ide(None).headers)[b"content-security-policy"].decode()

    allowed = {
        name: sources
        for name, *sources in (directive.split() for directive in policy.split("; "))
        if name.endswith("-src")
    }
    files = {end: [asset.url for asset in ASSETS if asset.name.endswith(end)] for end in (".js", ".css")}
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == ["'self'", *files[".js"]]
    assert allowed["style-src"] == ["'self'", "'unsafe-inline'", *files[".css"]]
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy
    for directive in (
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "connect-src 'self'",
    ):
        assert directive in policy


def test_a_folder_that_lacks_a_file_stops_the_start_and_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"run `ccgraph ide-assets {tmp_path}`"):
        Ide(tmp_path)


def test_a_file_that_was_changed_stops_the_start(tmp_path: Path) -> None:
    for asset in ASSETS:
        (tmp_path / asset.name).write_text("alert(1)")

    with pytest.raises(StartupError, match=r"react\.production\.min\.js"):
        require_complete(tmp_path)
