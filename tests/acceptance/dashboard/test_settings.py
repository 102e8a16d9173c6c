"""What a person sets for oneself, and how the server is, in a real browser."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, until, violations
from tests.support.serving import LiveServer, served

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


def open_settings(page: Page) -> Page:
    """Go there by the keyboard."""
    page.keyboard.press("g")
    page.keyboard.press(",")
    page.get_by_role("heading", name="Settings", exact=True).wait_for()
    return page


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of an HTTP server on loopback, and the bodies that it got."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()


def test_a_token_is_made_works_and_is_revoked(home: Page, live_server: LiveServer) -> None:
    page = open_settings(home)
    expect(page.get_by_role("cell", name="Login", exact=True)).to_have_count(1)
    form = page.get_by_role("form", name="Create a token")
    form.get_by_label("Name").fill("夜間の作業")
    form.get_by_label("Your password").fill("wrong")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("password")
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button").click()

    token = page.get_by_label("New token").input_value()
    assert works(live_server, token)
    expect(page.get_by_role("row").filter(has_text="夜間の作業")).to_contain_text("Token")
    page.get_by_role("button", name="Revoke 夜間の作業").click()
    expect(page.get_by_role("row").filter(has_text="夜間の作業")).to_have_count(0)
    until(page, lambda: not works(live_server, token))  # the server asks about tokens in use twice a second


def works(server: LiveServer, token: str) -> bool:
    """Whether the API takes the token."""
    answer = httpx.post(
        f"{server.url}/graphql",
        json={"query": "{ me { username } }"},
        headers={"authorization": f"Bearer {token}"},
    )
    return bool(answer.json().get("data") == {"me": {"username": "alice"}})


def test_a_notification_is_added_tested_switched_off_and_deleted(
    page: Page, fleet: Fleet, settings: Settings, receiver: tuple[str, list[bytes]]
) -> None:
    url, got = receiver
    with served(settings.model_copy(update={"delivery_allowed": "127.0.0.1/32"})) as server:
        log_in(page, server.url, "alice", PASSWORD)
        open_settings(page)
        expect(page.get_by_text("You are told nothing yet.")).to_be_visible()
        form = page.get_by_role("form", name="Add a notification")
        form.get_by_label("When").select_option("ERROR_OCCURRED")
        form.get_by_label("URL").fill(url)
        form.get_by_role("button").click()
        line = page.get_by_role("listitem").filter(has_text="A task or an instance has failed · Webhook")
        line.get_by_role("button", name="Test").click()

        expect(line.get_by_role("status")).to_contain_text("Delivered in")
        assert json.loads(got[0])
        switch = line.get_by_role("checkbox")
        expect(switch).to_be_checked()
        switch.click()
        expect(switch).not_to_be_checked()
        assert fleet.sql("SELECT FROM notification_settings WHERE NOT is_enabled")
        line.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("You are told nothing yet.")).to_be_visible()
        page.close()


def test_an_address_that_may_not_be_asked_is_told_in_the_servers_words(home: Page, fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO notification_settings (user_id, notification_type, service_type, webhook_url)"
        " SELECT id, 'task_completed', 'webhook', 'http://127.0.0.1:9/' FROM users"
    )
    page = open_settings(home)
    page.get_by_role("button", name="Test").click()

    expect(page.get_by_role("main").get_by_role("listitem").get_by_role("status")).to_contain_text(
        "Not delivered: "
    )


def test_only_administrators_see_how_the_server_is(home: Page, fleet: Fleet) -> None:
    page = open_settings(home)
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.get_by_role("heading", name="Server")).to_have_count(0)

    fleet.sql("UPDATE users SET is_admin = true")
    page.reload()

    server = page.get_by_role("region", name="Server", exact=True)
    expect(server).to_contain_text("MB")
    expect(server.get_by_role("region", name="Largest tables").get_by_role("row")).not_to_have_count(1)


def test_an_administrator_changes_a_setting_and_is_told_of_anothers_change(home: Page, fleet: Fleet) -> None:
    fleet.sql("UPDATE users SET is_admin = true")
    fleet.sql("UPDATE system_settings SET is_readonly = true WHERE setting_key = 'retention.task_logs_days'")
    home.reload()
    home.get_by_text("東京-parent").wait_for()
    page = open_settings(home)
    system = page.get_by_role("region", name="Settings of the server")
    system.get_by_text("retention", exact=True).click()
    line = system.get_by_role("listitem").filter(has_text="retention.cc_logs_days")
    line.get_by_role("button", name="Change retention.cc_logs_days").click()
    value = line.get_by_role("spinbutton", name="Value of retention.cc_logs_days")
    value.fill("45")
    value.press("Enter")
    expect(line).to_contain_text("version 2 · before: 30 · alice")
    stored = "SELECT setting_value #>> '{}' FROM system_settings WHERE setting_key = 'retention.cc_logs_days'"
    assert fleet.sql(stored)[0][0] == "45"

    line.get_by_role("button", name="Change retention.cc_logs_days").click()
    fleet.sql(
        "UPDATE system_settings SET setting_value = '60', version = 3"
        " WHERE setting_key = 'retention.cc_logs_days'"
    )
    value.fill("50")
    value.press("Enter")
    expect(line.get_by_text("It has been changed in the meantime.")).to_be_visible()
    assert fleet.sql(stored)[0][0] == "60"
    line.get_by_role("button", name="Read anew").click()
    expect(value).to_have_value("60")
    value.fill("-1")
    value.press("Enter")
    expect(line.get_by_role("alert")).to_be_visible()
    assert fleet.sql(stored)[0][0] == "60"

    readonly = system.get_by_role("listitem").filter(has_text="retention.task_logs_days")
    expect(readonly).to_contain_text("read-only")
    expect(readonly.get_by_role("button")).to_have_count(0)


def test_one_logs_out_everywhere(home: Page, fleet: Fleet) -> None:
    page = open_settings(home)
    page.get_by_role("main").get_by_role("button", name="Log out everywhere").click()

    expect(page.get_by_role("heading", name="Log in to ccgraph")).to_be_visible()
    assert fleet.sql("SELECT FROM auth_tokens WHERE is_active") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(home: Page, fleet: Fleet, theme: str) -> None:
    fleet.sql("UPDATE users SET is_admin = true")
    fleet.sql(
        "INSERT INTO notification_settings (user_id, notification_type, service_type, webhook_url)"
        " SELECT id, 'task_completed', 'webhook', 'https://hooks.example.com/' || repeat('x', 90) FROM users"
    )
    page = open_settings(home)
    page.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    page.set_viewport_size({"width": 360, "height": 640})
    page.reload()
    page.get_by_role("region", name="大きいテーブル").wait_for()
    page.get_by_role("button", name="テスト").wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
