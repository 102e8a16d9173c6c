"""Every channel's bytes, beside its documented format, in both languages, and how answers are judged."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.delivery.channels.line import MOST_UNITS
from services.writing.sealed_columns import rotate
from tests.integration.delivery.conftest import Desk, Working
from tests.support.factories import AnyRow
from tests.support.receivers import Got, Receiver, Reply
from tests.support.waiting import PATIENCE

JAPANESE, ENGLISH = {"language": "ja"}, {"language": "en-GB"}


async def told(
    desk: Desk, service: str, preferences: dict[str, Any] = JAPANESE, **setting: Any
) -> tuple[AnyRow, AnyRow]:
    """A person with a setting, and a notification that waits."""
    user = await desk.person(preferences=preferences)
    made = await desk.setting(user_id=user.id, service_type=service, **{"webhook_url": None, **setting})
    key = await desk.notify(
        user.id, service_type=service, title="<検索> & 集計", message="a < b & c > d", priority="high"
    )
    return made, await desk.row(key)


def link(row: AnyRow) -> str:
    return f"https://fleet.example/notifications/{row.id}"


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_slack_by_an_incoming_webhook(
    language: str, desk: Desk, working: Working, receiver: Receiver
) -> None:
    preferences = {"language": language}
    _, row = await told(
        desk, "slack", preferences, service_config={"webhook_url": receiver.url + "/services/T0/B0/x"}
    )
    async with working():
        await desk.ended(row.id)
    [got] = receiver.got
    kind, button = {"ja": ("タスク完了", "開く"), "en": ("Task completed", "Open")}[language]
    assert got.target == "/services/T0/B0/x"
    assert got.body.decode() == (
        '{"text":"' + kind + ': &lt;検索&gt; &amp; 集計","blocks":['
        '{"type":"header","text":{"type":"plain_text","text":"<検索> & 集計"}},'
        '{"type":"section","text":{"type":"mrkdwn","text":"a &lt; b &amp; c &gt; d","verbatim":true}},'
        '{"type":"context","elements":[{"type":"plain_text","text":"' + kind + '"}]},'
        '{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"'
        + button
        + '"},"url":"'
        + link(row)
        + '"}]}],"link_names":false,"parse":"none"}'
    )


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b'{"ok":true,"ts":"1"}', "sent", None),
        (b'{"ok":false,"error":"channel_not_found"}', "failed", "channel_not_found"),
    ],
    ids=["taken", "refused"],
)
async def test_slack_by_chat_post_message(
    body: bytes, status: str, error: str | None, desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(200, body)
    _, row = await told(desk, "slack", service_config={"token": "xoxb-1", "channel": "#builds"})
    async with working():
        ended = await desk.ended(row.id, status)
    [got] = receiver.got
    assert got.target == "/slack/chat.postMessage"
    assert got.header("authorization") == "Bearer xoxb-1"
    assert got.header("content-type") == "application/json; charset=utf-8"
    assert got.json["channel"] == "#builds"
    assert [block["type"] for block in got.json["blocks"]] == ["header", "section", "context", "actions"]
    assert error is None if ended.error_message is None else error in ended.error_message
    assert "xoxb" not in str(ended.error_message)


async def test_a_configuration_that_an_older_version_has_stored_goes_on_working(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    setting, row = await told(desk, "slack")
    await desk.execute(
        """UPDATE notification_settings SET service_config = '{"token": "xoxb-1", "channel": "#builds"}'"""
        f" WHERE id = {setting.id}"
    )
    async with working():
        await desk.ended(row.id)
        assert await rotate(desk.database, desk.vault) == 1
        assert await rotate(desk.database, desk.vault) == 0
        stored = await desk.one(
            f"SELECT service_config::text AS text FROM notification_settings WHERE id = {setting.id}"
        )
        assert "xoxb-1" not in stored.text
        again = await desk.notify(setting.user_id, service_type="slack")
        await desk.ended(again)
    assert [got.header("authorization") for got in receiver.got] == ["Bearer xoxb-1"] * 2


async def test_headers_and_subscriptions_that_an_older_version_has_stored_go_on_working(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    user = await desk.person()
    push = json.dumps(Browser().subscription(receiver.url + "/push"))
    for service in ("webhook", "web_push"):
        await desk.setting(user_id=user.id, service_type=service, webhook_url=receiver.url)
    await desk.execute(
        'UPDATE notification_settings SET webhook_headers = \'{"X-Token": "hunter2"}\','
        f" push_subscription = '{push}'".replace(":", "\\:")
    )
    async with working():
        for _ in range(2):
            for service in ("webhook", "web_push"):
                await desk.ended(await desk.notify(user.id, service_type=service))
            await rotate(desk.database, desk.vault)
            stored = await desk.one("SELECT string_agg(s::text, '') AS text FROM notification_settings s")
            assert "hunter2" not in stored.text
            assert "p256dh" not in stored.text
        assert await rotate(desk.database, desk.vault) == 0
    targets = [(got.target, dict(got.headers).get("x-token")) for got in receiver.got]
    assert targets == [("/", "hunter2"), ("/push", None)] * 2


@pytest.mark.parametrize("own_url", [True, False], ids=["URL", "id and token"])
async def test_discord(own_url: bool, desk: Desk, working: Working, receiver: Receiver) -> None:
    config = (
        {"webhook_url": receiver.url + "/discord/webhooks/1/t?thread_id=7"}
        if own_url
        else {"webhook_id": "1", "webhook_token": "t"}
    )
    _, row = await told(desk, "discord", service_config=config)
    async with working():
        await desk.ended(row.id)
    [got] = receiver.got
    assert got.target == "/discord/webhooks/1/t?" + ("thread_id=7&wait=true" if own_url else "wait=true")
    moment = row.created_at.astimezone(UTC).isoformat(timespec="milliseconds")
    assert got.body.decode() == (
        '{"embeds":[{"title":"<検索> & 集計","description":"a < b & c > d","color":15105570,"timestamp":"'
        + moment
        + '","footer":{"text":"タスク完了"},"url":"'
        + link(row)
        + '"}],"allowed_mentions":{"parse":[]}}'
    )


async def test_discord_gets_the_pause_that_it_asks_for(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    def answer(_: Got) -> Reply:
        if len(receiver.got) == 1:
            return Reply(429, b'{"message":"slow down","retry_after":1.2,"global":false}')
        if len(receiver.got) == 2:
            headers = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "1.1"))
            return Reply(200, b"{}", headers)
        return Reply(200, b"{}")

    receiver.answer = answer
    setting, row = await told(desk, "discord", service_config={"webhook_url": receiver.url})
    keys = [row.id]
    async with working(delivery_places=1):
        await receiver.has(1)
        keys += [await desk.notify(setting.user_id, service_type="discord") for _ in range(2)]
        for key in keys:
            await desk.ended(key)
    first, second, third, *_ = receiver.got
    assert second.at - first.at >= 1.1
    assert third.at - second.at >= 1.0
    assert len(receiver.got) == 4


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_line(language: str, desk: Desk, working: Working, receiver: Receiver) -> None:
    config = {"channel_access_token": "secret", "to": "U123"}
    _, row = await told(desk, "line", {"language": language}, service_config=config)
    async with working():
        await desk.ended(row.id)
    [got] = receiver.got
    kind, button = {"ja": ("タスク完了", "開く"), "en": ("Task completed", "Open")}[language]
    assert got.target == "/line/v2/bot/message/push"
    assert got.header("authorization") == "Bearer secret"
    assert got.header("x-line-retry-key") == str(row.message_id)
    assert got.body.decode() == (
        '{"to":"U123","messages":[{"type":"text","text":"【'
        + kind
        + "】<検索> & 集計\\na < b & c > d\\n\\n"
        + f'{button}: {link(row)}"}}]}}'
    )


async def test_line_says_that_an_earlier_attempt_was_accepted(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(500 if len(receiver.got) == 1 else 409)
    _, row = await told(desk, "line", service_config={"channel_access_token": "s", "to": "U1"})
    async with working():
        ended = await desk.ended(row.id)
    assert (ended.retry_count, ended.response_code) == (1, 409)
    assert len({got.header("x-line-retry-key") for got in receiver.got}) == 1


async def test_a_long_text_fits_into_a_line_message(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person()
    await desk.setting(
        user_id=user.id, service_type="line", service_config={"channel_access_token": "s", "to": "U1"}
    )
    key = await desk.notify(user.id, service_type="line", message="𩸽" * 6_000)
    async with working():
        await desk.ended(key)
    text = receiver.got[0].json["messages"][0]["text"]
    assert len(text.encode("utf-16-le")) // 2 <= MOST_UNITS
    assert text.endswith(f"/notifications/{key}")


class Browser:
    """What a browser keeps of its subscription, and how it reads a message."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"sixteen bytes of"

    def subscription(self, endpoint: str) -> dict[str, Any]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": endpoint, "keys": {"p256dh": unpadded(point), "auth": unpadded(self.auth)}}

    def read(self, body: bytes) -> bytes:
        plain: bytes = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
        return plain


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_web_push(desk: Desk, working: Working, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(201, b"")
    browser = Browser()
    endpoint = receiver.url + "/push/abc"
    _, row = await told(desk, "web_push", push_subscription=browser.subscription(endpoint))
    async with working():
        await desk.ended(row.id)
        published = await desk.one(
            "SELECT setting_value, is_public FROM system_settings WHERE setting_key = 'web_push.public_key'"
        )
    [got] = receiver.got
    assert got.target == "/push/abc"
    assert browser.read(got.body).decode() == (
        f'{{"id":"{row.id}","type":"task_completed","title":"<検索> & 集計","body":"a < b & c > d",'
        f'"url":"{link(row)}","tag":"{row.message_id}","lang":"ja"}}'
    )
    assert got.header("content-encoding") == "aes128gcm"
    assert got.header("urgency") == "high"
    assert int(got.header("ttl")) > 0
    assert len(got.header("topic")) <= 32
    scheme, _, rest = got.header("authorization").partition(" ")
    token, key = (part.strip().partition("=")[2] for part in rest.split(","))
    assert (scheme, key, key) == ("vapid", published.setting_value, desk.vapid.public_key)
    assert published.is_public
    point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(token, public, ["ES256"], audience=receiver.url)
    assert claims["sub"] == "mailto:ops@example.com"
    assert claims["exp"] - datetime.now(UTC).timestamp() <= 24 * 3600


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_switches_its_setting_off(
    status: int, desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(status, b"")
    setting, row = await told(
        desk, "web_push", push_subscription=Browser().subscription(receiver.url + "/push")
    )
    async with working():
        ended = await desk.ended(row.id, "failed")
    assert (ended.response_code, ended.retry_count) == (status, 0)
    after = await desk.one(f"SELECT is_enabled FROM notification_settings WHERE id = {setting.id}")
    assert after.is_enabled is False


CHANGES = {
    "address": "webhook_url = webhook_url || '/elsewhere'",
    "secret": "webhook_secret = NULL",
    "switched on again": "is_enabled = true",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("service", ["webhook", "web_push"])
async def test_a_setting_that_was_changed_while_its_receiver_was_asked_stays_on(
    change: str, service: str, desk: Desk, working: Working, receiver: Receiver
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def gone(_: Got) -> Reply:
        asked.set()
        await answer.wait()
        return Reply(410)

    receiver.answer = gone
    user = await desk.person()
    push = Browser().subscription(receiver.url + "/push")
    setting = await desk.setting(
        user_id=user.id, service_type=service, webhook_url=receiver.url, push_subscription=push
    )
    key = await desk.notify(user.id, service_type=service)
    stored = f"SELECT is_enabled FROM notification_settings WHERE id = {setting.id}"
    async with working():
        await asyncio.wait_for(asked.wait(), PATIENCE)
        await desk.execute(f"UPDATE notification_settings SET {CHANGES[change]} WHERE id = {setting.id}")
        answer.set()
        await desk.ended(key, "failed")
        assert (await desk.one(stored)).is_enabled
        await desk.ended(await desk.notify(user.id, service_type=service), "failed")
        assert not (await desk.one(stored)).is_enabled


async def test_a_long_push_fits_into_a_record(desk: Desk, working: Working, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(201, b"")
    browser = Browser()
    user = await desk.person()
    await desk.setting(
        user_id=user.id, service_type="web_push", push_subscription=browser.subscription(receiver.url)
    )
    key = await desk.notify(user.id, service_type="web_push", message="長" * 10_000)
    async with working():
        await desk.ended(key)
    assert len(receiver.got[0].body) <= 4_096
    assert "長…" in browser.read(receiver.got[0].body).decode()


@pytest.mark.parametrize("service", ["slack", "discord", "line", "web_push", "webhook"])
async def test_a_setting_that_lacks_something_fails_with_what_to_set(
    service: str, desk: Desk, working: Working, receiver: Receiver
) -> None:
    _, row = await told(desk, service, service_config={})
    async with working():
        ended = await desk.ended(row.id, "failed")
    assert receiver.got == []
    assert ended.retry_count == 0
    assert "set" in ended.error_message


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/projects/7?tab=日本#a", "/projects/7?tab=%E6%97%A5%E6%9C%AC#a"),
        ('/a b\nc"<>\\', "/a%20b%0Ac%22%3C%3E%5C"),
        ("/" + "x" * 999, "/" + "x" * 999),
        ("/" + "x" * 5_000, None),
        ("/" + "検" * 200, None),
        ("//elsewhere.example", None),
    ],
    ids=["a path", "blanks", "long", "too long", "too long as a URL", "another host"],
)
async def test_a_link_is_a_url_that_every_channel_takes(
    path: str, shown: str | None, desk: Desk, working: Working, receiver: Receiver
) -> None:
    config = {"channel_access_token": "s", "to": "U1"}
    user = await desk.person()
    await desk.setting(user_id=user.id, service_type="line", webhook_url=None, service_config=config)
    key = await desk.notify(user.id, service_type="line", title="t", message="x", payload={"path": path})
    async with working():
        await desk.ended(key)
    [got] = receiver.got
    text = got.json["messages"][0]["text"]
    assert text.endswith(f"https://fleet.example{shown or f'/notifications/{key}'}")
