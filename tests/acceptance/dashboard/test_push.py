"""Web Push in a real browser: signing up, what its worker shows, and what is told where it cannot be."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import (
    CHROMIUM,
    NEEDS_BUILD,
    NEEDS_PACKAGES,
    NEEDS_WINDOWS,
    SharedBrowser,
    log_in,
    until,
)
from tests.support.serving import LiveServer, served

pytestmark = [pytest.mark.browser, pytest.mark.own_context, NEEDS_BUILD, NEEDS_WINDOWS, NEEDS_PACKAGES]

SECRET = b"sixteen bytes ok"


class PushService:
    """A push service on loopback, and the keys of the browser that subscribes to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[bytes] = []
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def subscription(self) -> dict[str, object]:
        """As a browser gives it."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _text(point), "auth": _text(SECRET)}
        return {"endpoint": self.url, "expirationTime": None, "keys": keys}

    def message(self, number: int) -> str:
        """What the browser would hand to the worker."""
        told: bytes = http_ece.decrypt(
            self.got[number], private_key=self._key, auth_secret=SECRET, version="aes128gcm"
        )
        return told.decode()


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def shared_browser() -> Iterator[SharedBrowser]:
    """A whole Chromium, since its headless shell signs up with no push service."""
    shared = SharedBrowser(CHROMIUM)
    yield shared
    shared.close()


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """Takes what is posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = PushService(f"http://127.0.0.1:{server.server_port}/push/1")
        Thread(target=server.serve_forever, daemon=True).start()
        yield service
        server.shutdown()


def use(page: Page, service: PushService) -> None:
    """Let the browser subscribe to this service: its own is out of reach of a test."""
    page.context.grant_permissions(["notifications"])
    page.add_init_script(
        f"""{{
        const kept = 'test.subscribed';
        const made = {{
          endpoint: '{service.url}',
          toJSON: () => ({json.dumps(service.subscription)}),
          unsubscribe: async () => (localStorage.removeItem(kept), true),
        }};
        PushManager.prototype.getSubscription = async () => (localStorage.getItem(kept) ? made : null);
        PushManager.prototype.subscribe = async ({{ userVisibleOnly, applicationServerKey }}) => {{
          localStorage.setItem(kept, `${{userVisibleOnly}} ${{applicationServerKey}}`);
          return made;
        }};
        }}"""
    )


def delivering(settings: Settings) -> Settings:
    """With a worker, which tells the key that browsers sign up with, and may write to loopback."""
    return settings.model_copy(update={"worker": True, "delivery_allowed": "127.0.0.1/32"})


def open_settings(page: Page) -> None:
    """Go there by the keyboard."""
    page.keyboard.press("g")
    page.keyboard.press(",")
    page.get_by_role("region", name="This browser").wait_for()


def deliver(page: Page, url: str, message: str) -> None:
    """Hand a message to the worker of the page, as the browser does when its push service has one."""
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    developer = page.context.new_cdp_session(page)
    registrations: list[str] = []
    developer.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(one["registrationId"] for one in told["registrations"]),
    )
    developer.send("ServiceWorker.enable")
    until(page, lambda: registrations)
    parameters = {"origin": url, "registrationId": registrations[-1], "data": message}
    developer.send("ServiceWorker.deliverPushMessage", parameters)
    developer.detach()


SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  for (let time = 0; time < 1200; time += 1) {
    const shown = await registration.getNotifications();
    if (shown.length > 0) return shown.map(({ title, body, lang }) => ({ title, body, lang }));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return [];
}"""


def test_a_browser_signs_up_is_told_and_leaves(
    page: Page, fleet: Fleet, settings: Settings, push_service: PushService
) -> None:
    use(page, push_service)
    with served(delivering(settings)) as server:
        log_in(page, server.url, "alice", PASSWORD)
        open_settings(page)
        browser = page.get_by_role("region", name="This browser")
        browser.get_by_role("button", name="Tell me in this browser").click()
        expect(browser).to_contain_text("It tells you, also while no page of ccgraph is open.")
        lines = page.get_by_role("listitem").filter(has_text="Web Push")
        expect(lines).to_have_count(4)
        (endpoint,) = {row["push_endpoint"] for row in fleet.sql("SELECT * FROM notification_settings")}
        assert "/push/1" not in endpoint  # with it, others could try to write to the browser
        chosen, key = page.evaluate("localStorage['test.subscribed']").split(" ")
        assert (chosen, len(base64.urlsafe_b64decode(key + "="))) == ("true", 65)

        lines.first.get_by_role("button", name="Test").click()
        expect(lines.first.get_by_role("status")).to_contain_text("Delivered in")
        deliver(page, server.url, push_service.message(0))
        (shown,) = page.evaluate(SHOWN)
        told = json.loads(push_service.message(0))
        assert shown == {"title": told["title"], "body": told["body"], "lang": told["lang"]}

        page.reload()
        browser.get_by_role("button", name="Not in this browser any more").click()
        expect(browser).to_contain_text("It can tell you")
        assert fleet.sql("SELECT FROM notification_settings") == []
        assert page.evaluate("localStorage['test.subscribed'] ?? null") is None
        page.close()


def test_one_browser_is_told_and_another_takes_its_place(
    page: Page, fleet: Fleet, settings: Settings, push_service: PushService
) -> None:
    fleet.sql(
        "INSERT INTO notification_settings (user_id, notification_type, service_type, push_endpoint,"
        " is_enabled) SELECT id, 'task_completed', 'web_push', 'https://push.example.com/#other', false"
        " FROM users"
    )
    use(page, push_service)
    with served(delivering(settings)) as server:
        log_in(page, server.url, "alice", PASSWORD)
        open_settings(page)
        browser = page.get_by_role("region", name="This browser")
        expect(browser).to_contain_text("Another browser is told at the moment.")
        browser.get_by_role("button").click()
        expect(browser).to_contain_text("It tells you")
        stored = fleet.sql("SELECT push_endpoint, is_enabled FROM notification_settings")
        assert len(stored) == 4
        assert {tuple(row) for row in stored} == {(stored[0]["push_endpoint"], True)}
        page.close()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("delete window.PushManager", "it has no Web Push"),
        (
            "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })",
            "This browser refuses notifications of this page.",
        ),
        (
            "Notification.requestPermission = async () => 'default'",
            "Nothing is changed: the browser was not allowed to notify.",
        ),
        (
            "Notification.requestPermission = async () => 'granted';"
            "PushManager.prototype.subscribe = async () => { throw new DOMException('no network') }",
            "The browser could not sign up with its push service: no network",
        ),
    ],
)
def test_where_it_cannot_be_it_is_told_why(
    page: Page, fleet: Fleet, live_server: LiveServer, script: str, told: str
) -> None:
    fleet.sql(
        "INSERT INTO system_settings (setting_key, setting_value, data_type, is_public)"
        " VALUES ('web_push.public_key', '\"key\"', 'string', true)"
    )
    page.add_init_script(script)
    log_in(page, live_server.url, "alice", PASSWORD)
    open_settings(page)
    browser = page.get_by_role("region", name="This browser")
    for button in browser.get_by_role("button").all():
        button.click()

    expect(browser).to_contain_text(told)
    assert fleet.sql("SELECT FROM notification_settings") == []
